//! A run as a Snakefile.

use super::Workflow;
use crate::run::REPORT;
use std::fmt::Write;

/// The text of a Snakefile for Snakemake 8 or newer. It runs locally, on Slurm and on Kubernetes through Snakemake's
/// executors.
///
/// Snakemake marks a finished task by an empty file in `tasks/`. Whether a job is done is decided by its record alone, so
/// a task may be started twice, killed or repeated. A job that diverged (exit code 5) is done.
pub fn snakemake(workflow: &Workflow) -> String {
    let json = |text: &str| serde_json::to_string(text).expect("strings are JSON");
    let directory = workflow.directory.to_string_lossy();
    let mut text = format!(
        r#"# The jobs of a run of valleys: snakemake -c8 -s FILE
#   with another binary or run directory: --config valleys=PATH out=DIR
#   after Snakemake was killed: snakemake -s FILE --unlock; snakemake -c8 -s FILE --rerun-incomplete
#   on Slurm: snakemake --executor slurm -j 200 -s FILE
import os

VALLEYS = config.get("valleys", "valleys")
OUT = str(config.get("out", {}))
SETTINGS = {}

if not os.path.exists(OUT + "/config.toml"):
    os.makedirs(OUT, exist_ok=True)
    temporary = OUT + "/.config-" + str(os.getpid())
    with open(temporary, "w") as settings:
        settings.write(SETTINGS)
    os.replace(temporary, OUT + "/config.toml")

def stamps(tasks):
    return [OUT + "/tasks/" + task for task in tasks]

localrules: all, report

wildcard_constraints:
    number="[0-9]+"

# The jobs of each task, and the tasks that it needs.
TASKS = {{
"#,
        json(&directory),
        json(workflow.config),
    );
    for task in workflow.tasks {
        let needs: Vec<&str> = task.needs.iter().map(String::as_str).collect();
        let _ = writeln!(
            text,
            "    {}: ({}, {}.split()),",
            json(&task.name()),
            json(&task.jobs.join(" ")),
            json(&needs.join(" "))
        );
    }
    text += "}\n\nrule all:\n    input: OUT + \"/tasks/report\"\n";
    for tasks in workflow.tasks.chunk_by(|a, b| a.level == b.level) {
        let level = &tasks[0].level;
        let slowest = tasks.iter().map(|task| task.seconds).fold(0.0, f64::max);
        // Twice the estimate in minutes, because other machines may be slower.
        let (runtime, memory) = ((slowest / 30.0).ceil() + 1.0, tasks[0].megabytes);
        let _ = write!(
            text,
            r#"
rule {rule}:
    input: lambda w: stamps(TASKS["{level}-" + w.number][1])
    output: touch(OUT + "/tasks/{level}-{{number}}")
    params: jobs=lambda w: TASKS["{level}-" + w.number][0]
    threads: 1
    resources: mem_mb={memory}, runtime={runtime}
    retries: 3
    shell: "{{VALLEYS:q}} exec -j {{threads}} {{OUT:q}} {{params.jobs}} || [ $? -eq 5 ]"
"#,
            rule = level.replace(|c: char| !c.is_ascii_alphanumeric(), "_"),
        );
    }
    let _ = write!(
        text,
        r#"
rule report:
    input: stamps(TASKS)
    output: touch(OUT + "/tasks/report")
    resources: mem_mb={}, runtime=60
    shell: "{{VALLEYS:q}} exec {{OUT:q}} {REPORT}"
"#,
        workflow.tasks.iter().map(|task| task.megabytes).max().unwrap_or(0)
    );
    text
}
