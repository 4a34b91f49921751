"""Answers obtained without our derivation, each from its own forward definitions; joined by formula id alone.

Every folder is one oracle, and all have one face. `vjp(id, arguments, cotangent=None, **parameters)` returns (outputs,
gradients), both by name: what a formula makes of its arguments, and the gradient of ⟨cotangent, outputs⟩ with respect
to every floating array among them, a learnable parameter too where it is passed as a 0-d array. Integer and bool
arrays are labels, masks, lengths; None is not given. NumPy in, NumPy out, in the dtype of the first floating array.
`place(device)` of torch and JAX says where they compute, "cpu" unless told otherwise: arrays go there, answers return.
`has(id, quantity)` says whose the answer is, "native", "composed" or "" for none; `native(id, arguments, **options)` is
the framework's own function with its own defaults. `network(...)` is the fast way through stacks of dense networks.
What an oracle does not have is a LookupError that says what; ids are those of records, not aliases. Of an update rule
`vjp` is one step and no gradient; `updates` has `trajectory`, `native_steps` and `defaults` too.

torch, JAX and balls answer for whole blocks too, by the ids of the room `layers.blocks`; these are in no `DEFINITIONS`.

In the room `namespace` of each, `pullback_of(f, arguments, cotangent, **options)` asks the same of a function of one's
own, `def f(xp, x, w): …`, written once against the array API that `xp` is there.
"""
