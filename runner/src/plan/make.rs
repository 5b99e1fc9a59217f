//! A run as a makefile for GNU make.

use super::Workflow;
use crate::run::REPORT;
use std::fmt::Write;

/// The text of the makefile. Make marks a finished task by an empty file in `tasks/`, as [`snakemake`](super::snakemake())
/// does.
pub fn make(workflow: &Workflow) -> String {
    // Single quotes for the shell, doubled dollars for make.
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''").replace('$', "$$"));
    let mut text = format!(
        "# The jobs of a run of valleys: make -j8 -f FILE\n\
         #   with another binary or run directory: make -f FILE VALLEYS=PATH OUT=DIR\n\
         VALLEYS ?= valleys\nOUT ?= {}\nTHREADS ?= 1\n\n\
         .PHONY: all\n.DELETE_ON_ERROR:\nall: $(OUT)/tasks/report\n\n",
        workflow.directory.display().to_string().replace('$', "$$")
    );
    let settings: Vec<String> = workflow.config.lines().map(quoted).collect();
    let _ = writeln!(
        text,
        "$(OUT)/config.toml:\n\t@mkdir -p $(OUT)/tasks\n\t@printf '%s\\n' {} > $(OUT)/.config\n\t@mv $(OUT)/.config $@\n",
        settings.join(" ")
    );
    for task in workflow.tasks {
        let needs: Vec<String> = task.needs.iter().map(|task| format!(" $(OUT)/tasks/{task}")).collect();
        let _ = writeln!(
            text,
            "$(OUT)/tasks/{}: | $(OUT)/config.toml{}\n\t@$(VALLEYS) exec -j $(THREADS) $(OUT) {} || [ $$? -eq 5 ]\n\t@mkdir -p $(@D) && touch $@\n",
            task.name(),
            needs.concat(),
            task.jobs.join(" ")
        );
    }
    let all: Vec<String> =
        workflow.tasks.iter().map(|task| format!(" $(OUT)/tasks/{}", task.name())).collect();
    let _ = writeln!(
        text,
        "$(OUT)/tasks/report: |{}\n\t@$(VALLEYS) exec $(OUT) {REPORT}\n\t@touch $@",
        all.concat()
    );
    text
}
