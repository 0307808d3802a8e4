"""The Nuke plugin of SVFR Studio: a node with a plate and a mask input whose result comes back as EXR.

It is thin: gather from the node graph (:mod:`svfr_nuke.gather`), hand the job to the service
(:mod:`svfr_client.hosting.conversation`), show its progress (:mod:`svfr_nuke.session`), load the result
(:mod:`svfr_nuke.result`). Python 3.9, no Qt, standard library and the pyzmq it carries. Only
``nuke.executeInMainThread`` is ever called outside Nuke's main thread.

In scripts, also with ``nuke -t``::

    import svfr_nuke.buttons
    svfr_nuke.buttons.restore(nuke.toNode("SVFR1"))
"""
