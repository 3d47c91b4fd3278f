"""What a plugin implements, checked before it is registered: every problem as a sentence a plugin author can act on."""

from __future__ import annotations

import inspect
from functools import cache

import pluggy

from pratique import hookspecs


@cache
def hooks() -> dict[str, tuple[str, ...]]:
    """Every hook and the arguments it offers, in the order of `hookspecs`."""
    return {
        name: tuple(inspect.signature(function).parameters)[1:]
        for name, function in vars(hookspecs.Hooks).items()
        if not name.startswith("_")
    }


def problems(manager: pluggy.PluginManager, plugin: object) -> list[str]:
    """Why this object cannot be a plugin; empty when it can."""
    if inspect.isclass(plugin):
        return [f"{plugin.__name__} is a class; register a module, or an object made from the class"]
    found: list[str] = []
    implemented = 0
    for name in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, name)
        if options is None:
            continue
        implemented += 1
        hook = options.get("specname") or name
        if hook not in hooks():
            if not options.get("optionalhook"):
                found.append(f'there is no hook "{hook}"{_nearest(hook, hooks())}')
            continue
        if options.get("wrapper") or options.get("hookwrapper"):
            found.append(f"{name} is a wrapper; each plugin answers for itself here, so write a plain function")
        function = getattr(plugin, name)
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            found.append(f"{name} is async; hooks are plain functions (observe: a plain generator)")
            continue
        found += _argument_problems(name, hook, function)
    if not implemented and not found:
        found.append("it implements no hook: mark its functions with @hookimpl")
    return found


def _argument_problems(name: str, hook: str, function: object) -> list[str]:
    offered = hooks()[hook]
    found = []
    for parameter in inspect.signature(function).parameters.values():  # type: ignore[arg-type]
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            found.append(f"{name} takes *{parameter.name}; name the arguments it wants: {', '.join(offered) or 'none'}")
        elif parameter.name not in offered and parameter.default is parameter.empty:
            given = f"it is given {', '.join(offered)}" if offered else "it is given none"
            found.append(
                f'{name} wants an argument "{parameter.name}"; {given}{_nearest(parameter.name, offered, sep=":")}'
            )
    return found


def _nearest(word: str, known: object, sep: str = ";") -> str:
    import difflib

    near = difflib.get_close_matches(word, known, 1)  # type: ignore[call-overload]
    return f'{sep} did you mean "{near[0]}"?' if near else ""
