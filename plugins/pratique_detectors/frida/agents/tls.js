// TLS: to whom, and how much was said, whatever the encryption hides. OpenSSL (also the one built into a program, such
// as node's), GnuTLS and NSS.
agent(({ emit, hook, text, program }) => {
  const SSL_CTRL_SET_TLSEXT_HOSTNAME = 55;  // <openssl/tls1.h>
  const GNUTLS_NAME_DNS = 1;                // <gnutls/gnutls.h>
  const MOST_CONNECTIONS = 10000;
  const talks = new Map();  // connection -> {host, sent, received, told}

  function talk(connection) {
    const key = connection.toString();
    let found = talks.get(key);
    if (found === undefined) {
      if (talks.size >= MOST_CONNECTIONS) talks.clear();
      talks.set(key, (found = { host: '', sent: 0, received: 0 }));
    }
    return found;
  }

  function open(connection, host) {
    if (!host) return;
    end(connection);
    talk(connection).host = host;
    emit('tls.open', { host });
  }

  // Told when the connection is done with, so that a download is one event and not a thousand.
  function end(connection) {
    const found = talks.get(connection.toString());
    if (found === undefined) return;
    talks.delete(connection.toString());
    if (found.sent + found.received > 0) {
      emit('tls.data', { host: found.host, sent: found.sent, received: found.received });
    }
  }

  const counted = (way) => ({
    enter: ([connection], call) => { call.connection = connection; },
    leave(value, call) {
      const length = value.toInt32();
      if (length > 0) talk(call.connection)[way] += length;
    },
  });
  // These give the length by a pointer, and 1 for success.
  const countedAt = (way) => ({
    enter([connection, , , length], call) { Object.assign(call, { connection, length }); },
    leave(value, call) {
      if (value.toInt32() === 1 && !call.length.isNull()) {
        talk(call.connection)[way] += call.length.readULong().valueOf();
      }
    },
  });

  const openssl = (module) => {
    hook(module, 'SSL_ctrl', {
      enter([connection, command, , host]) {
        if (command.toInt32() === SSL_CTRL_SET_TLSEXT_HOSTNAME) open(connection, text(host, 255));
      },
    });
    hook(module, 'SSL_write', counted('sent'));
    hook(module, 'SSL_read', counted('received'));
    hook(module, 'SSL_write_ex', countedAt('sent'));
    hook(module, 'SSL_read_ex', countedAt('received'));
    hook(module, 'SSL_free', { enter: ([connection]) => end(connection) });
  };
  openssl('libssl.so*');
  openssl('libssl-*.so*');  // as Python wheels carry it
  openssl(program.name);

  hook('libgnutls.so*', 'gnutls_server_name_set', {
    enter([connection, type, name, length]) {
      if (type.toInt32() === GNUTLS_NAME_DNS) open(connection, text(name, Math.min(length.toInt32(), 255)));
    },
  });
  hook('libgnutls.so*', 'gnutls_record_send', counted('sent'));
  hook('libgnutls.so*', 'gnutls_record_recv', counted('received'));
  hook('libgnutls.so*', 'gnutls_deinit', { enter: ([connection]) => end(connection) });

  hook('libssl3.so', 'SSL_SetURL', { enter: ([connection, host]) => open(connection, text(host, 255)) });
});
