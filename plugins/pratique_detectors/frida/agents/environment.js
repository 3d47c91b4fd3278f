// Names of variables a program asks for that an installer has no business with, or that only a watched program sees.
agent(({ emit, hook, text, settings }) => {
  const TELLING = new RegExp(
    settings.names ??
      '(^|_)(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?|AUTH_SOCK|AGENT_INFO)(_|$)|' +
        '^(AWS|AZURE|GOOGLE|GCP|GITHUB|GITLAB|NPM_CONFIG__?AUTH|PYPI|TWINE|KUBE|DOCKER|VAULT|STRIPE|SLACK)_|' +
        '^(CI|SANDBOX|CONTAINER|container|VIRTUAL_?BOX|VMWARE|FRIDA\\w*|LD_PRELOAD|PTRACE|DEBUGGER)$',
  );
  const said = new Set();
  for (const name of ['getenv', 'secure_getenv']) {
    hook(null, name, {
      enter(args) {
        const variable = text(args[0], 256);
        if (variable === null || said.has(variable) || !TELLING.test(variable)) return;
        said.add(variable);
        emit('env.read', { name: variable });
      },
    });
  }
});
