"""Knobs and formats of the fake, and which knobs the node classes have.

The knob names, types, values and defaults of Read, Write and Merge2 are those that a scan of Nuke 17.0v3
printed (github.com/kirkjr2/nuke-python-reference, MIT); of the other classes only well-known ones are here.
Knobs that the table does not hold do not exist.
"""

import re
from typing import Any

import strict_stubs
from strict_objects import UndoState, strict


@strict("Knob")
class Knob:
    """A knob with one value; ``_node`` is set when it is added."""

    def __init__(self, name: str, label: str = "", *more: Any) -> None:
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise ValueError(f"{name!r} is no knob name")
        self._name, self._label = name, label
        self._value: Any = None
        self._node: Any = None
        self._expression = ""
        self._flags: set[int] = set()
        self._tooltip = ""

    def name(self) -> str:
        return self._name

    def label(self) -> str:
        return self._label

    def Class(self) -> str:
        return type(self).__name__

    def node(self) -> Any:
        return self._node

    def value(self, *args: Any) -> Any:
        return self._evaluate()

    def getValue(self, *args: Any) -> Any:
        return self._evaluate()

    def setValue(self, val: Any, *args: Any) -> bool:
        if self._node is not None and not UndoState.disabled:
            UndoState.steps.append(self._name)
        self._set(val)
        if self._node is not None:
            self._node._graph.changed(self._node, self)
        return True

    def setExpression(self, expression: str) -> bool:
        self._expression = expression
        return True

    def hasExpression(self) -> bool:
        return bool(self._expression)

    def setFlag(self, flag: int) -> None:
        self._flags.add(flag)

    def clearFlag(self, flag: int) -> None:
        self._flags.discard(flag)

    def getFlag(self, flag: int) -> bool:
        return flag in self._flags

    def setTooltip(self, tooltip: str) -> None:
        self._tooltip = tooltip

    def _set(self, value: Any) -> None:
        self._value = value

    def _evaluate(self, frame: int = 1) -> Any:
        """Return the value at a frame; the fake knows expressions of knobs, numbers and comparisons."""
        if not self._expression:
            return self._value
        known = r"parent\.\w+|\bframe\b|&&|\|\||[<>=]=|[-%()]|\d+|\s"
        assert not re.sub(known, "", self._expression), f"the fake cannot evaluate {self._expression!r}"
        python = self._expression.replace("&&", " and ").replace("||", " or ")
        python = re.sub(
            r"parent\.(\w+)", lambda match: str(float(self._node._parent[match[1]].value())), python
        )
        return float(eval(python, {"__builtins__": {}}, {"frame": frame}))


@strict("String_Knob")
class String_Knob(Knob):
    def __init__(self, name: str, label: str = "", value: str = "") -> None:
        super().__init__(name, label)
        self._value = value

    def value(self) -> str:
        return str(self._value)

    def _set(self, value: Any) -> None:
        if not isinstance(value, str):
            raise TypeError("a string knob takes a string")
        self._value = value


@strict("EvalString_Knob")
class EvalString_Knob(String_Knob):
    pass


@strict("File_Knob")
class File_Knob(EvalString_Knob):
    def getEvaluatedValue(self) -> str:
        return str(self._value)

    def fromUserText(self, text: str) -> None:
        if "\\" in text:
            raise RuntimeError("Invalid argument")
        self._set(text)

    def _set(self, value: Any) -> None:
        super()._set(value)
        if self._node is not None:
            self._node._file_changed()


@strict("Text_Knob")
class Text_Knob(Knob):
    pass


@strict("Tab_Knob")
class Tab_Knob(Knob):
    pass


@strict("Script_Knob")
class Script_Knob(String_Knob):
    _action: Any = None

    def command(self) -> str:
        return str(self._value)

    def setCommand(self, cmd: str) -> None:
        self._set(cmd)

    def execute(self) -> None:
        if self._action is not None:
            self._action()


@strict("PyScript_Knob")
class PyScript_Knob(Script_Knob):
    pass


@strict("Array_Knob")
class Array_Knob(Knob):
    def __init__(self, name: str, label: str = "") -> None:
        super().__init__(name, label)
        self._value = 0.0

    def setRange(self, low: float, high: float) -> None:
        assert low < high

    def _set(self, value: Any) -> None:
        if not isinstance(value, (int, float)):
            raise TypeError("an array knob takes a number")
        self._value = float(value)


@strict("Double_Knob")
class Double_Knob(Array_Knob):
    pass


@strict("WH_Knob")
class WH_Knob(Array_Knob):
    pass


@strict("AColor_Knob")
class AColor_Knob(Array_Knob):
    pass


@strict("Int_Knob")
class Int_Knob(Array_Knob):
    def value(self) -> int:
        return int(self._value)


@strict("Boolean_Knob")
class Boolean_Knob(Array_Knob):
    def value(self) -> bool:
        return bool(self._value)


@strict("BBox_Knob")
class BBox_Knob(Array_Knob):
    def __init__(self, name: str, label: str = "") -> None:
        super().__init__(name, label)
        self._value = (0.0, 0.0, 0.0, 0.0)

    def toDict(self) -> dict[str, float]:
        return dict(zip("xyrt", self._value, strict=True))

    def _set(self, value: Any) -> None:
        x, y, r, t = value
        self._value = (float(x), float(y), float(r), float(t))


@strict("XY_Knob")
class XY_Knob(Array_Knob):
    """A point that is dragged in the viewer; x right and y up in full pixels."""

    def __init__(self, name: str, label: str = "") -> None:
        super().__init__(name, label)
        self._value = (0.0, 0.0)

    def x(self) -> float:
        return float(self._value[0])

    def y(self) -> float:
        return float(self._value[1])

    def _set(self, value: Any) -> None:
        x, y = value
        self._value = (float(x), float(y))


@strict("Channel_Knob")
class Channel_Knob(Knob):
    def __init__(self, name: str, label: str = "") -> None:
        super().__init__(name, label)
        self._value = "rgb"

    def value(self) -> str:
        return str(self._value)

    def setValue(self, name: str) -> None:  # type: ignore[override]
        self._value = name


@strict("ChannelMask_Knob")
class ChannelMask_Knob(Channel_Knob):
    pass


@strict("Enumeration_Knob")
class Enumeration_Knob(Knob):
    """A menu. A colour space that the menu does not hold is ignored without a word, as Nuke may do."""

    def __init__(self, name: str, label: str, values: list[str]) -> None:
        super().__init__(name, label)
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise TypeError("a menu takes a list of strings")
        self._values, self._value = values, values[0]

    def value(self) -> str:
        return str(self._value)

    def values(self) -> list[str]:
        return list(self._values)

    def numValues(self) -> int:
        return len(self._values)

    def setValues(self, items: list[str]) -> None:
        """The entries again; what was chosen stays by its number, as in Nuke."""
        number = self._values.index(self._value) if self._value in self._values else 0
        self._values = list(items)
        self._value = self._values[min(number, len(self._values) - 1)].split("\t")[0]

    def _set(self, value: Any) -> None:
        if value in [entry.split("\t")[0] for entry in self._values]:  # before a tab: what the knob holds
            self._value = value
        elif self._name != "colorspace":
            raise ValueError(f"{self._name} has no value {value!r}")
        if self._node is not None:
            self._node._menu_changed(self._name)


KNOB_CLASSES = {
    cls.__name__: cls
    for cls in (
        String_Knob,
        EvalString_Knob,
        File_Knob,
        Text_Knob,
        Tab_Knob,
        PyScript_Knob,
        Array_Knob,
        Double_Knob,
        WH_Knob,
        AColor_Knob,
        Int_Knob,
        Boolean_Knob,
        BBox_Knob,
        XY_Knob,
        Channel_Knob,
        ChannelMask_Knob,
        Enumeration_Knob,
    )
}
assert all(name in strict_stubs.load().classes for name in KNOB_CLASSES)

NUKE_SPACES = ["linear", "sRGB", "rec709", "Cineon", "Gamma2.2", "AlexaV3LogC", "BT1886", "ARRILogC4"]
_RAW_AND_SPACE: dict[str, Any] = {"colorspace": ["default"], "raw": False}
# A value's type says what the knob is: list: menu, the first is the default.
NODE_KNOBS: dict[str, dict[str, Any]] = {
    "Dot": {},
    "Input": {"number": 0},
    "Output": {},
    "Group": {},
    "Read": {
        "file": File_Knob,
        "proxy": File_Knob,
        "first": 1,
        "last": 1,
        "origfirst": 1,
        "origlast": 1,
        "frame_mode": ["expression", "start at", "offset"],
        "frame": "",
        "before": ["hold", "loop", "bounce", "black"],
        "after": ["hold", "loop", "bounce", "black"],
        "on_error": ["error", "black", "checkerboard", "nearest frame"],
        "premultiplied": False,
        "auto_alpha": False,
        "reload": PyScript_Knob,
        "disable": False,
        **_RAW_AND_SPACE,
    },
    "Write": {
        "file": File_Knob,
        "file_type": [" ", "dpx", "exr", "jpeg", "mov", "png", "tiff"],
        "channels": ChannelMask_Knob,
        "create_directories": False,
        "first": 1,
        "last": 1,
        "use_limit": False,
        **_RAW_AND_SPACE,
    },
    "Switch": {"which": Double_Knob},
    "Merge2": {
        "operation": ["over", "minus", "plus", "copy", "from"],
        "Achannels": Channel_Knob,
        "Bchannels": Channel_Knob,
        "output": ChannelMask_Knob,
        "also_merge": ChannelMask_Knob,
        "mix": Array_Knob,
        "bbox": ["union", "intersection", "A", "B"],
    },
    "Blur": {"size": WH_Knob, "channels": Channel_Knob, "mix": Array_Knob},
    "Grade": {"white": AColor_Knob, "channels": Channel_Knob},
    "Copy": {"from0": Channel_Knob, "to0": Channel_Knob},
    "Constant": {"color": AColor_Knob, "channels": Channel_Knob},
    "CheckerBoard2": {"boxsize": WH_Knob},
    "Roto": {"curves": None},
    "RotoPaint": {"curves": None},
    "Root": {
        "first_frame": 1,
        "last_frame": 100,
        "colorManagement": ["Nuke", "OCIO"],
        "OCIO_config": ["nuke-default", "aces_1.2", "custom"],
        "customOCIOConfigPath": File_Knob,
        "OCIOConfigPath": File_Knob,
        "workingSpaceLUT": "linear",
        "int8Lut": "sRGB",
        "int16Lut": "sRGB",
        "logLut": "Cineon",
        "floatLut": "linear",
        "project_directory": File_Knob,
        "proxy": False,
    },
}
EXR_KNOBS: dict[str, Any] = {
    "datatype": ["16 bit half", "32 bit float"],
    "compression": ["none", "Zip (1 scanline)", "Zip (16 scanlines)", "PIZ Wavelet (32 scanlines)", "DWAA"],
    "metadata": ["default metadata", "no metadata", "all metadata"],
}
DEFAULTS = {
    ("Merge2", "mix"): 1.0,
    ("Blur", "mix"): 1.0,
    ("Grade", "white"): 1.0,
    ("CheckerBoard2", "boxsize"): 64.0,
    ("Write", "channels"): "rgb",
    ("Merge2", "Achannels"): "rgba",
    ("Merge2", "Bchannels"): "rgba",
    ("Merge2", "output"): "rgba",
}


def make_knob(kind: str, name: str, form: Any) -> Knob:
    """Return a node's own knob from its entry in the table."""
    if isinstance(form, list):
        return Enumeration_Knob(name, name, list(form))
    if isinstance(form, type):
        knob: Knob = form(name, name)
    elif isinstance(form, bool):
        knob = Boolean_Knob(name, name)
        knob.setValue(form)
    elif isinstance(form, int):
        knob = Int_Knob(name, name)
        knob.setValue(form)
    else:
        knob = String_Knob(name, name, form)
    if (kind, name) in DEFAULTS:
        knob.setValue(DEFAULTS[kind, name])
    return knob


@strict("Format")
class Format:
    """Width and height of a picture."""

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)

    def width(self) -> int:
        return self._size[0]

    def height(self) -> int:
        return self._size[1]

    def pixelAspect(self) -> float:
        return 1.0
