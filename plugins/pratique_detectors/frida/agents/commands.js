// Commands given to a shell, as they were written: the call log shows of them only `sh -c` and what it starts.
// (posix_spawn and exec are not here: there the call log has the same words.)
agent(({ emit, hook, text }) => {
  for (const by of ['system', 'popen', 'wordexp']) {
    hook(null, by, {
      enter([words]) {
        const command = text(words);
        if (command) emit('command.run', { command, by });
      },
    });
  }
});
