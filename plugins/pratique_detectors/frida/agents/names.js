// Names looked up, whoever asks: the C library's resolver is what most programs use.
agent(({ emit, hook, text }) => {
  const LONGEST_NAME = 254;
  // The first argument of the first group is the name, the second of the other.
  const BY_FIRST = ['getaddrinfo', 'gethostbyname', 'gethostbyname2', 'gethostbyname_r', 'gethostbyname2_r', 'res_query',
    'res_search', '__res_query', '__res_search'];
  const BY_SECOND = ['res_nquery', 'res_nsearch', '__res_nquery', '__res_nsearch'];
  const IS_ADDRESS = /^([\d.]+|[\da-fA-F:.]*:[\da-fA-F:.]*(%\w+)?)$/;

  // One look-up goes through several of these, with the same name: it is told once a moment.
  let last = '';
  let when = 0;
  function tell(pointer) {
    const host = text(pointer, LONGEST_NAME);
    if (!host || IS_ADDRESS.test(host)) return;
    const now = Date.now();
    if (host === last && now - when < 1000) return;
    [last, when] = [host, now];
    emit('net.resolve', { host });
  }

  for (const name of BY_FIRST) hook(null, name, { enter: ([asked]) => tell(asked) });
  for (const name of BY_SECOND) hook(null, name, { enter: ([, asked]) => tell(asked) });
});
