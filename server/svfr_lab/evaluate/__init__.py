"""How good a restored clip is beside the truth: the measures of ``svfr evaluate``.

``evaluate`` leads from what is asked to the report, ``comparison`` takes one clip through it. ``protocol``
says what is compared, ``clips`` and ``pictures`` find and read the two sides, ``faces`` finds the face in the
truth, ``instruments`` loads the user's weights. Each measure has a module of its own: ``psnr_ssim``,
``perceptual`` (LPIPS), ``identity`` (IDS and VIDD), ``landmarks`` (drift), ``video`` (FVD); ``meters`` take
them frame by frame, ``report`` and ``plot`` show them. A measure whose weights were not given is said to be
not computed; nothing takes its place under its name.
"""
