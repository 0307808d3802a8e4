"""Make classes of the fake exactly as wide as the stubs: no name, argument or thread more.

``@strict("Node")`` checks while the class is made that each of its public names is in the stubs, and wraps
its methods: calls outside the main thread fail, and so do calls that no stub overload takes. What the stubs
have and the fake does not raises NotImplementedError, so that new code of the plugin asks for more fake.
"""

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import strict_stubs

T = TypeVar("T", bound=type)
# Documented as safe in any thread; everything else of Nuke belongs to the main thread.
ANY_THREAD = {"executeInMainThread", "executeInMainThreadWithResult"}
OFFERED: set[tuple[str, str]] = set()


class UndoState:
    """``steps``: knobs that were set while undo was on; each would be a step of its own for the artist."""

    disabled = 0
    steps: ClassVar[list[str]] = []


"""(class or module, name) of everything that the fake offers."""
_main = threading.main_thread()


class WrongThread(RuntimeError):
    """Nuke was touched outside its main thread."""


def check_thread(name: str) -> None:
    if threading.current_thread() is not _main:
        raise WrongThread(f"{name} is called outside the main thread")


def guarded(name: str, call: Callable[..., Any], signatures: strict_stubs.Signatures) -> Callable[..., Any]:
    """Return ``call`` that checks thread and arguments first."""

    @functools.wraps(call)
    def checked(*args: Any, **kwargs: Any) -> Any:
        check_thread(name)
        strict_stubs.check_call(name, signatures, args, kwargs)
        return call(*args, **kwargs)

    return checked


def strict(stub_name: str, module: str = "__init__") -> Callable[[T], T]:
    """Tie a class to its stub; raises AssertionError for a public name that the stub does not have."""
    stubs = strict_stubs.load(module)
    members = stubs.members(stub_name)

    def tie(cls: T) -> T:
        assert stub_name in stubs.classes, f"the stubs have no class {stub_name}"
        for name, member in list(vars(cls).items()):
            if name.startswith("_") and not (name.startswith("__") and callable(member)):
                continue
            if name.startswith("__") and name not in ("__getitem__", "__iter__", "__len__"):
                continue
            assert name in members, f"{stub_name}.{name} is not in the stubs"
            OFFERED.add((stub_name, name))
            if inspect.isfunction(member):
                setattr(cls, name, _method(f"{stub_name}.{name}", member, stubs.method(stub_name, name)))
        own = {name for base in cls.__mro__ for name in vars(base)}
        for name in members - own - stubs.attributes(stub_name):
            if not name.startswith("__") and "__getattr__" not in own:
                setattr(cls, name, _missing(f"{stub_name}.{name}"))
        cls.__setattr__ = _set_attribute(members)  # type: ignore[assignment,method-assign]
        return cls

    return tie


def _method(name: str, method: Any, signatures: strict_stubs.Signatures | None) -> Any:
    @functools.wraps(method)
    def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
        check_thread(name)
        strict_stubs.check_call(name, signatures or [], args, kwargs)
        return method(self, *args, **kwargs)

    return checked


def _missing(name: str) -> Any:
    def missing(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"the fake has no {name}")

    return property(missing)


def _set_attribute(members: set[str]) -> Any:
    def set_attribute(self: Any, name: str, value: Any) -> None:
        check_thread(name)
        if not name.startswith("_") and name not in members:
            raise AttributeError(f"{type(self).__name__} has no attribute {name}")
        object.__setattr__(self, name, value)

    return set_attribute
