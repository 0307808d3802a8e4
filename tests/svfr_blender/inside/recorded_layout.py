"""A layout that takes down what the panel draws, and fails at names that this Blender does not have."""

import bpy


class Recorder:
    """One part of a panel: ``items`` are what is drawn in it, other parts among them."""

    icons = bpy.types.UILayout.bl_rna.functions["prop"].parameters["icon"].enum_items.keys()

    def __init__(self, kind="column"):
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "items", [])
        object.__setattr__(self, "state", {})

    def __setattr__(self, name, value):
        assert name in bpy.types.UILayout.bl_rna.properties, name
        self.state[name] = value

    def _within(self, kind):
        part = Recorder(kind)
        self.items.append(part)
        return part

    def row(self, align=False):
        return self._within("row")

    def column(self, align=False):
        return self._within("column")

    def box(self):
        return self._within("box")

    def _add(self, kind, text, icon="NONE", **more):
        assert icon in self.icons, icon
        self.items.append({"kind": kind, "text": text, **({} if icon == "NONE" else {"icon": icon}), **more})

    def label(self, text="", icon="NONE"):
        self._add("label", text, icon)

    def prop(self, data, name, text=None, slider=False):
        """Take down a field: its type, and what it shows now."""
        about = data.bl_rna.properties[name]
        shown = text if text is not None else about.name
        more = {"field": about.type.lower(), "value": value_of(data, name, about)}
        if about.type == "ENUM" and about.is_enum_flag:
            more["choices"] = [item.name for item in about.enum_items]
        self._add("prop", shown, name=about.name, **more)

    def prop_menu_enum(self, data, name, text=None):
        about = data.bl_rna.properties[name]
        self._add("menu", text if text is not None else about.name, name=about.name)

    def prop_search(self, data, name, owner, collection, text=None):
        assert data.bl_rna.properties[name] and owner.bl_rna.properties[collection]
        self._add("prop", name, name=name, field="string", value=str(getattr(data, name)))

    def operator(self, name, text=None, icon="NONE"):
        kind, short = name.split(".")
        operator = getattr(getattr(bpy.ops, kind), short)
        self._add("operator", text if text is not None else operator.get_rna_type().name, icon)
        return type("Given", (), {})()

    def progress(self, factor=0.0, text=""):
        assert 0.0 <= factor <= 1.0
        self._add("progress", text, factor=factor)

    def tree(self):
        """Return the part as plain JSON."""
        items = [one.tree() if isinstance(one, Recorder) else one for one in self.items]
        state = {name: self.state[name] for name in ("enabled", "use_property_split") if name in self.state}
        return {"kind": self.kind, "items": items, **state}

    def texts(self):
        """Return all texts in order; before what is greyed out stands a word that says so."""
        found = [] if self.state.get("enabled", True) else ["greyed out:"]
        for one in self.items:
            if isinstance(one, Recorder):
                found += one.texts()
            else:
                found.append(one["text"] or one.get("name", ""))
        return found


def value_of(data, name, about):
    value = getattr(data, name)
    if about.type == "ENUM":
        names = {item.identifier: item.name for item in about.enum_items}
        return sorted(names[one] for one in value) if about.is_enum_flag else names[value]
    if about.type == "FLOAT":
        return f"{value:.3f}"
    if about.type == "POINTER":
        return "" if value is None else value.name
    return list(value) if getattr(about, "is_array", False) else value
