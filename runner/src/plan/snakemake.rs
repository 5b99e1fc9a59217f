//! A run as a workflow of Snakemake.

use super::Workflow;
use crate::run::REPORT;
use std::fmt::Write;

/// Text of a Snakefile, 8 or newer: runs locally, on Slurm, on Kubernetes by Snakemake's executors.
///
/// An engine's own record of a task is an empty file in `tasks/`; that a job is done is said by its record alone, so a
/// task that is started twice, killed or forgotten does no harm. A diverged job (exit code 5) is a result.
pub fn snakemake(workflow: &Workflow) -> String {
    let json = |text: &str| serde_json::to_string(text).expect("words are JSON");
    let directory = workflow.directory.to_string_lossy();
    let mut text = format!(
        r#"# A run of valleys as a workflow: snakemake -c8 -s FILE
#   another binary or directory: --config valleys=PATH out=DIR
#   after a kill: snakemake -s FILE --unlock; snakemake -c8 -s FILE --rerun-incomplete
#   on Slurm: snakemake --executor slurm -j 200 -s FILE
import os

VALLEYS = config.get("valleys", "valleys")
OUT = str(config.get("out", {}))
SETTINGS = {}

if not os.path.exists(OUT + "/config.toml"):
    os.makedirs(OUT, exist_ok=True)
    begun = OUT + "/.config-" + str(os.getpid())
    with open(begun, "w") as settings:
        settings.write(SETTINGS)
    os.replace(begun, OUT + "/config.toml")

def stamps(tasks):
    return [OUT + "/tasks/" + task for task in tasks]

localrules: all, report

wildcard_constraints:
    part="[0-9]+"

# Of each task: its jobs, the tasks it needs.
TASKS = {{
"#,
        json(&directory),
        json(&workflow.config.to_toml()),
    );
    for task in workflow.tasks {
        let jobs: Vec<String> = task.jobs.iter().map(|job| job.name()).collect();
        let needs: Vec<&str> = task.needs.iter().map(String::as_str).collect();
        let _ = writeln!(
            text,
            "    {}: ({}, {}.split()),",
            json(&task.name()),
            json(&jobs.join(" ")),
            json(&needs.join(" "))
        );
    }
    text += "}\n\nrule all:\n    input: OUT + \"/tasks/report\"\n";
    let mut last = "";
    for task in workflow.tasks.iter().filter(|task| std::mem::replace(&mut last, &task.level) != task.level) {
        let level = &task.level;
        let slowest = workflow.tasks.iter().filter(|t| t.level == *level);
        let seconds = slowest.map(|task| workflow.estimate.seconds_of(&task.jobs)).fold(0.0, f64::max);
        // Twice the estimate: other machines are slower.
        let (runtime, memory) = ((seconds / 30.0).ceil() + 1.0, workflow.estimate.megabytes(1));
        let _ = write!(
            text,
            r#"
rule {rule}:
    input: lambda w: stamps(TASKS["{level}-" + w.part][1])
    output: touch(OUT + "/tasks/{level}-{{part}}")
    params: jobs=lambda w: TASKS["{level}-" + w.part][0]
    threads: 1
    resources: mem_mb={memory}, runtime={runtime}
    retries: 3
    shell: "{{VALLEYS:q}} exec -j {{threads}} {{OUT:q}} {{params.jobs}} || [ $? -eq 5 ]"
"#,
            rule = level.replace('-', "_"),
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
        workflow.estimate.megabytes(1)
    );
    text
}
