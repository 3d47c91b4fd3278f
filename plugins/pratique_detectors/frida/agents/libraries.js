// Libraries a program asks for while it runs, and did not say it needs.
agent(({ emit, hook, text }) => {
  const said = new Set();
  for (const name of ['dlopen', 'dlmopen']) {
    hook(null, name, {
      enter([first, second]) {
        const path = text(name === 'dlopen' ? first : second);
        if (!path || said.has(path)) return;  // no name: the program itself
        said.add(path);
        emit('library.load', { path });
      },
    });
  }
});
