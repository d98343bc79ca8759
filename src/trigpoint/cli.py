"""The command line: one flat level of verbs. What each does is in ``commands``; here are the entry and its errors."""

from __future__ import annotations

import codecs
import os
import sys

from trigpoint._version import __version__
from trigpoint.core.errors import TrigpointError
from trigpoint.core.file_errors import file_error
from trigpoint.core.interrupt import STOPPED, Interrupted, signals_interrupt
from trigpoint.core.memory import memory_error, ran_out_of_memory, require_memory
from trigpoint.core.terminal import plain_where_needed, print_error, printable, shown_on_terminal

_DESCRIPTION = (
    "Learns a scene from images, then tells for any new image where the camera stood. --version tells which one this is; "
    "--debug, after any verb, where in the program an error was raised."
)
EXIT_OK, EXIT_NOT_LOCALIZED, EXIT_ERROR, EXIT_INTERRUPTED = 0, 1, 2, STOPPED


def main(arguments: list[str] | None = None) -> None:
    """Run one verb and exit with its code.

    0: done. 1: done, but some image was not localized or the scene cannot be mapped. 2: wrong input, nothing was
    written. 130: stopped on request.
    """
    if arguments is None:
        _begin_anew_with_utf8()
        arguments = sys.argv[1:]
    sys.exit(run(arguments))


def _begin_anew_with_utf8() -> None:
    """Where file names would be ASCII, replace this process by one that takes them as UTF-8, which every name of a scene is.

    The terminal stays what it is.
    """
    if codecs.lookup(sys.getfilesystemencoding()).name != "ascii" or not sys.executable:
        return
    encoding = f"{sys.stdout.encoding or 'ascii'}:surrogateescape"
    environment = {**os.environ, "PYTHONIOENCODING": os.environ.get("PYTHONIOENCODING", encoding)}
    sys.stdout.flush()
    words = [sys.executable, "-X", "utf8=1", "-m", "trigpoint", *sys.argv[1:]]
    os.execve(sys.executable, words, environment)


def run(arguments: list[str]) -> int:
    """Run one verb and return its exit code."""
    with plain_where_needed():
        return _exit_code(arguments)


def _exit_code(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        print(f"trigpoint {__version__}")
        return EXIT_OK
    debug = "--debug" in arguments
    try:
        with shown_on_terminal(), signals_interrupt():
            require_memory()
            return _run_verb([argument for argument in arguments if argument != "--debug"])
    except TrigpointError as error:
        if debug:
            raise
        print_error(str(error))
        return EXIT_ERROR
    except KeyboardInterrupt as stop:
        print(f"Stopped. {printable(_what_is_kept(stop, arguments))}", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away, as 'head' does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:
        if debug or not (isinstance(error, OSError) or ran_out_of_memory(error)):
            raise
        print_error(str(_explained(error, arguments)))
        return EXIT_ERROR


def _explained(error: Exception, arguments: list[str]) -> TrigpointError:
    """Our error for one of the system."""
    from trigpoint.commands import LESS_MEMORY
    from trigpoint.core.progress import last_stage

    if ran_out_of_memory(error):
        return memory_error(last_stage(), LESS_MEMORY.get(arguments[0], "Smaller or fewer images need less."))
    assert isinstance(error, OSError)
    return file_error(error)


def _what_is_kept(stop: KeyboardInterrupt, arguments: list[str]) -> str:
    """A true sentence about what there is after a stop."""
    from trigpoint.commands import RESUMABLE

    if str(stop):
        return str(stop)
    if isinstance(stop, Interrupted) or RESUMABLE.intersection(arguments[:1]):
        return "Finished work is kept: run the same command to continue."
    return "It was not finished: the same command begins anew."


def _run_verb(arguments: list[str]) -> int:
    import tyro

    from trigpoint.commands import VERBS, load_verb

    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    if arguments and arguments[0] in VERBS:
        # To import and describe the other verbs would take longer than to localize an image.
        verb, *words = arguments
        return tyro.cli(load_verb(verb), prog=f"trigpoint {verb}", args=words, config=config)
    return tyro.extras.subcommand_cli_from_dict(
        {name: load_verb(name) for name in VERBS}, prog="trigpoint", description=_DESCRIPTION, args=arguments, config=config
    )
