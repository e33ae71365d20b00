"""Check digits of numbers that are dictated. Pure."""

from common.expectation import Check


def checks(value: str, check: Check) -> bool:
    """Tell whether a value has the check digits that it should have; one without any is right."""
    match check:
        case "luhn":  # ISO/IEC 7812-1, annex B
            doubled = (int(each) * (1 + at % 2) for at, each in enumerate(reversed(value)))
            return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0
        case "mod97":  # ISO 13616, ISO/IEC 7064
            return len(value) > 4 and int(_digits(value[4:] + value[:4])) % 97 == 1
    return True


def _digits(value: str) -> str:
    return "".join(str(int(each, 36)) for each in value)
