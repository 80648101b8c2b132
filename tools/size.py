"""Print the number and size of packages that `torch-grader` and its extra `staff` install, without PyTorch's own."""

from importlib.metadata import Distribution, distribution

from packaging.requirements import Requirement


def closure(name: str, extra: str = "") -> dict[str, Distribution]:
    """Return all packages installed for a package, by name."""
    found: dict[str, Distribution] = {}
    left = [(name, extra)]
    while left:
        name, extra = left.pop()
        found[name.lower()] = known = distribution(name)
        for requirement in map(Requirement, known.requires or ()):
            needed = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
            if needed and requirement.name.lower() not in found:
                left.append((requirement.name, ",".join(requirement.extras)))
    return found


def main() -> None:
    """Measure this environment."""
    without = closure("torch")
    for title, extra in (("torch-grader", ""), ("torch-grader[staff]", "staff")):
        brought = [d for n, d in closure("torch-grader", extra).items() if n not in without]
        size = sum(file.size or 0 for each in brought for file in each.files or ())
        print(f"{title:<20}{len(brought):>4} packages{size / 1e6:>6.0f} MB")


if __name__ == "__main__":
    main()
