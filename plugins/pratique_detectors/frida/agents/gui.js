// What windows say: their titles, and the labels of what can be clicked, as the toolkits are told them.
agent(({ emit, hook, text }) => {
  const LONGEST_LABEL = 1024;
  const said = new Set();
  const tell = (title, label = '') => {
    const key = `${title}\n${label}`;
    if ((!title && !label) || said.has(key)) return;
    said.add(key);
    emit('window.open', { title: title ?? '', text: label ?? '' });
  };
  const titled = (module, name, at) => hook(module, name, { enter: (args) => tell(text(args[at], LONGEST_LABEL)) });
  const labelled = (module, name, at) => hook(module, name, { enter: (args) => tell('', text(args[at], LONGEST_LABEL)) });

  for (const gtk of ['libgtk-x11-2.0.so*', 'libgtk-3.so*', 'libgtk-4.so*']) {
    titled(gtk, 'gtk_window_set_title', 1);
    for (const name of ['gtk_button_new_with_label', 'gtk_button_new_with_mnemonic', 'gtk_check_button_new_with_label',
      'gtk_check_button_new_with_mnemonic', 'gtk_label_new']) labelled(gtk, name, 0);
    for (const name of ['gtk_button_set_label', 'gtk_label_set_text', 'gtk_label_set_markup', 'gtk_check_button_set_label']) {
      labelled(gtk, name, 1);
    }
  }
  titled('libX11.so*', 'XStoreName', 2);

  // QString: in Qt 5 a pointer to {count, size, flags, offset}; in Qt 6 {header, characters, size}.
  const five = (string) => {
    const data = string.readPointer();
    return data.add(data.add(16).readLong().valueOf()).readUtf16String(data.add(4).readS32());
  };
  const six = (string) => string.add(8).readPointer().readUtf16String(string.add(16).readLong().valueOf());
  for (const [version, read] of [[5, five], [6, six]]) {
    const widgets = `libQt${version}Widgets.so*`;
    hook(widgets, '_ZN7QWidget14setWindowTitleERK7QString', { enter: (args) => tell(read(args[1])) });
    for (const name of ['_ZN15QAbstractButton7setTextERK7QString', '_ZN6QLabel7setTextERK7QString']) {
      hook(widgets, name, { enter: (args) => tell('', read(args[1])) });
    }
    hook(`libQt${version}Gui.so*`, '_ZN7QWindow8setTitleERK7QString', { enter: (args) => tell(read(args[1])) });
  }
});
