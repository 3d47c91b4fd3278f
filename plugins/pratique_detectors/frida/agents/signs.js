// Signs of a sandbox that a program looks for (pratique/sandbox/probes.py): files it only asks for, and variables. The
// call log has command lines and what was opened below /proc; what is not there, and is asked for, only shows here.
agent(({ emit, hook, text, settings }) => {
  const FILE = new RegExp(`^(?:${settings.files})$`);
  const OWN = new RegExp(`^${settings.own}`);
  const VARIABLE = /^(SANDBOX|CONTAINER|container|VIRTUAL_?BOX|VMWARE|PRATIQUE\w*|FRIDA\w*|LD_PRELOAD|DEBUGGER)$/;
  const LONGEST_SIGN = 256;
  const said = new Set();

  function tell(sign) {
    if (said.has(sign)) return;
    said.add(sign);
    emit('sandbox.probe', { sign });
  }

  function asked(pointer) {
    const path = text(pointer, LONGEST_SIGN);
    if (!path || !FILE.test(path)) return;
    const plain = path.replace(OWN, '/proc/self/');
    tell(plain === '/proc/mounts' ? '/proc/self/mounts' : plain);
  }

  for (const name of ['open', 'open64', 'fopen', 'fopen64', 'access', 'euidaccess', 'stat', 'stat64', 'readlink']) {
    hook(null, name, { enter: ([path]) => asked(path) });
  }
  for (const name of ['openat', 'openat64', 'faccessat', 'fstatat', 'statx', '__xstat', '__xstat64', 'readlinkat']) {
    hook(null, name, { enter: ([, path]) => asked(path) });
  }
  for (const name of ['getenv', 'secure_getenv']) {
    hook(null, name, {
      enter([name]) {
        const variable = text(name, LONGEST_SIGN);
        if (variable && VARIABLE.test(variable)) tell(`$${variable}`);
      },
    });
  }
});
