# Runs after the submission, in its process, and after student.py: answers the checks, which run in another process.

_student = Student(Student.__init__.__globals__)  # noqa: F821
_models = []


def _ask(method, *args, **kwargs):
    given = [_models[arg["model"]] if isinstance(arg, dict) else arg for arg in args]
    return _sent(getattr(_student, method)(*given, **kwargs))


def _sent(value):
    if isinstance(value, torch.nn.Module):  # noqa: F821
        _models.append(value)
        return {"model": len(_models) - 1}
    if isinstance(value, torch.Tensor):  # noqa: F821
        return {"tensor": value.tolist(), "dtype": str(value.dtype).removeprefix("torch.")}
    return [_sent(part) for part in value] if isinstance(value, list | tuple) else value
