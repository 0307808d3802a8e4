"""The menu of the server's models beside the field that holds the model's name.

The field decides; the menu only fills it in. So a server that does not answer, another one, or a menu that
Nuke did not save changes nothing of what a node asks for, and any name or folder can still be typed.
"""

import threading
from typing import TYPE_CHECKING, Any, List, Tuple

import nuke

from svfr_client.errors import SvfrError

from .node import fill_menu, find
from .server_link import ServerLink

if TYPE_CHECKING:
    from svfr_client.protocol.messages import ModelOffer

MENU, FIELD, CHOOSE = "model_menu", "model", "choose"


def ask(node: Any) -> None:
    """Fill the menu with what the node's server has, in a while; nothing happens where none answers.

    No server is started for it, and the window does not wait.
    """
    link, name = ServerLink(str(node["connection"].value() or "").strip()), node.fullName()

    def work() -> None:
        try:
            with link.client() as client:
                offers = client.models()
        except SvfrError:
            return
        nuke.executeInMainThread(_fill, (name, offers))

    threading.Thread(target=work, name="svfr models", daemon=True).start()


def take(node: Any) -> None:
    """Put the name that was chosen into the field."""
    name = str(node[MENU].value())
    if name != CHOOSE and name != str(node[FIELD].value()):
        node[FIELD].setValue(name)


def follow(node: Any) -> None:
    """Let the menu say what is in the field, or ``choose`` for a name that it does not have."""
    _set(node, [str(entry) for entry in node[MENU].values()])


def _fill(full_name: str, offers: "Tuple[ModelOffer, ...]") -> None:
    node = find(full_name)
    if node is not None and offers:
        _set(node, [CHOOSE, *(offer.name for offer in offers if offer.problem is None)])


def _set(node: Any, entries: List[str]) -> None:
    name = str(node[FIELD].value() or "").strip()
    fill_menu(node[MENU], entries, name if name in entries else CHOOSE)
