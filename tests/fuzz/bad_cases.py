"""Cases that are wrong, each in its own way: what the harness must notice."""

import os
import time


def bad(number: int) -> str | None:
    match number:
        case 1:
            return "one byte is lost"
        case 2:
            raise ZeroDivisionError
        case 3:
            os.abort()
        case 4:
            time.sleep(60)
        case 5:
            bytearray(2**30)
        case 6:
            print("null")  # noqa: T201 - is no answer
    return None
