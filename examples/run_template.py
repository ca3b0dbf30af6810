"""Run a workflow template of the plugin in a new Scipion project, without a screen.

Fills in the template, makes the project and runs its protocols one after another::

    python examples/run_template.py local_scale map=map.mrc voxel=1.2 [--folder FOLDER]

A parameter that is left out has the default of the template; without any, the parameters of the
template are listed.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from pathlib import Path

from main_job import prepare_scipion


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("template", help="its name, such as local_scale")
    parser.add_argument("values", nargs="*", metavar="PARAMETER=VALUE")
    parser.add_argument("--folder", type=Path, default=Path("occupy_demo"), help="where to work")
    parser.add_argument("--project", help="name of the new project; default: that of the template")
    return parser.parse_args()


def filled_template(name: str, values: dict[str, str]):
    """Return the template with its parameters, those given and those of its own."""
    import pyworkflow

    plugin = pyworkflow.Config.getDomain().getPluginModule("occupy_scipion")
    known = {each.getObjId(): each for each in plugin._pluginInstance.getTemplates()}
    template = known.get(f"occupy-{name.removeprefix('occupy-')}")
    if template is None:
        sys.exit(f"There is no template {name}; give one of {', '.join(sorted(known))}.")
    template.replaceEnvVariables()
    template.parseContent()
    parameters = {each.getAlias(): each for each in template.getParams().values()}
    if not values:
        lines = (f"  {alias}={p.getValue()}  ({p.getTitle()})" for alias, p in parameters.items())
        sys.exit("\n".join([f"Parameters of {name}, with their defaults:", *lines]))
    for alias, value in values.items():
        if alias not in parameters:
            sys.exit(f"The template has no parameter {alias}; give {', '.join(parameters)}.")
        template.setParamValue(alias, value)
    return template


def run_workflow(name: str, workflow: Path) -> None:
    """Make a project of a workflow, and run its protocols in their order."""
    from pyworkflow.project import Manager

    manager = Manager()
    if manager.hasProject(name):
        sys.exit(f"There is already a project {name}; give another --project.")
    project = manager.createProject(name)
    os.chdir(project.path)  # file names of Scipion are relative to the project
    project.loadProtocols(str(workflow))
    print(f"Scipion project {project.path}", flush=True)
    for run in sorted(project.getRuns(), key=lambda run: run.getObjId()):
        project.launchProtocol(run, wait=True)
        print(f"  {run.getObjLabel():<20} {run.getStatus()}", flush=True)
        if not run.isFinished():
            sys.exit(f"{run.getObjLabel()} failed: {run.getErrorMessage()}")
        for output, made in run.iterOutputAttributes():
            print(f"    {output:<22}{made.getFileName() if hasattr(made, 'getFileName') else made}")


def main() -> None:
    """Fill in a template and run it."""
    options = arguments()
    values = dict(value.split("=", 1) for value in options.values if "=" in value)
    for alias, value in values.items():
        if Path(value).exists():
            folder = "/" if Path(value).is_dir() else ""
            values[alias] = f"{Path(value).resolve()}{folder}"
    prepare_scipion(options.folder.resolve())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages that Scipion pins
        template = filled_template(options.template, values)
    run_workflow(options.project or options.template, Path(template.createTemplateFile()))


if __name__ == "__main__":
    main()
