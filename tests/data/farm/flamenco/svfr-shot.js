// Generated and compared with known text, but never run against the engine itself.
const JOB_TYPE = {
    label: "SVFR shot",
    settings: [
        { key: "program", type: "string", required: true },
        { key: "plan", type: "string", required: true },
        { key: "last_segment", type: "int32", default: 0 },
    ],
};

function compileJob(job) {
    const task = (step, index) => {
        const made = author.Task(step + " " + index, "misc");
        const program = JSON.parse(job.settings.program);
        const args = program.slice(1).concat(["farm", step, "--plan", job.settings.plan]);
        if (step === "segment") args.push("--index", String(index));
        made.addCommand(author.Command("exec", { exe: program[0], args: args }));
        job.addTask(made);
        return made;
    };
    const reference = task("reference", 0);
    const assemble = task("assemble", 0);
    for (let index = 0; index <= job.settings.last_segment; index++) {
        const segment = task("segment", index);
        segment.addDependency(reference);
        assemble.addDependency(segment);
    }
}
