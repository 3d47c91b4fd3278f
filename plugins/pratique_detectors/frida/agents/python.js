// Python: what is imported, what is started and what is asked for over HTTP, as Python itself says it (PEP 578).
//
// The audit hook is added before the interpreter is made, by the C interface for it; programs cannot see it, and it
// changes nothing for them. Of the hundreds of sorts of audit event a handful goes on from C to JavaScript.
agent(({ emit, quoted, program, exported, whenLoaded, fault }) => {
  const NAMES = ['import', 'subprocess.Popen', 'os.system', 'os.exec', 'os.posix_spawn', 'pty.spawn',
    'urllib.Request', 'http.client.send'];
  const LONGEST_LIST = 256;
  const LONGEST_TEXT = 4096;

  const at = (name) => Module.getGlobalExportByName(name);
  const filter = (heard) => new CModule(`
extern int own;
extern int getpid (void);
extern int strcmp (const char *, const char *);
extern void heard (int which, void * arguments);

int audit (const char * event, void * arguments, void * data)
{
${NAMES.map((name, i) => `  if (event[0] == '${name[0]}' && strcmp (event, "${name}") == 0)
  { if (getpid () == own) heard (${i}, arguments); return 0; }`).join('\n')}
  return 0;
}
`, { own: Memory.alloc(4).writeInt(Process.id), heard, getpid: at('getpid'), strcmp: at('strcmp') });


  let started = false;
  function listen(module) {
    if (started || exported(module, 'PySys_AddAuditHook') === null) return;
    started = true;
    const python = reader(module);
    const heard = new NativeCallback((which, args) => {
      try {
        TELL[NAMES[which]](python, args);
      } catch (error) {
        fault(NAMES[which], error);
      }
    }, 'void', ['int', 'pointer']);
    listen.kept = [heard, filter(heard)];  // for as long as the interpreter lives
    const add = new NativeFunction(module.getExportByName('PySys_AddAuditHook'), 'int', ['pointer', 'pointer']);
    add(listen.kept[1].audit, NULL);
  }

  // Objects are read without running a line of the program's own Python: strings, bytes, lists and tuples only.
  function reader(module) {
    const call = (name, result, ...given) =>
      new NativeFunction(module.getExportByName(name), result, given, { scheduling: 'exclusive', exceptions: 'propagate' });
    const typeOf = call('PyObject_Type', 'pointer', 'pointer');
    const isSubtype = call('PyType_IsSubtype', 'int', 'pointer', 'pointer');
    const release = call('Py_DecRef', 'void', 'pointer');
    const tupleSize = call('PyTuple_Size', 'long', 'pointer');
    const tupleItem = call('PyTuple_GetItem', 'pointer', 'pointer', 'long');
    const listSize = call('PyList_Size', 'long', 'pointer');
    const listItem = call('PyList_GetItem', 'pointer', 'pointer', 'long');
    const utf8 = call('PyUnicode_AsUTF8AndSize', 'pointer', 'pointer', 'pointer');
    const bytes = call('PyBytes_AsString', 'pointer', 'pointer');
    const bytesSize = call('PyBytes_Size', 'long', 'pointer');
    const clear = call('PyErr_Clear', 'void');
    const types = Object.fromEntries(
      ['Unicode', 'Bytes', 'List', 'Tuple'].map((name) => [name, module.getExportByName(`Py${name}_Type`)]),
    );
    const size = Memory.alloc(8);

    function is(object, type) {
      const found = typeOf(object);
      const answer = isSubtype(found, types[type]) === 1;
      release(found);
      return answer;
    }

    return {
      item: (args, i) => (i < Number(tupleSize(args)) ? tupleItem(args, i) : NULL),

      text(object) {
        if (object.isNull()) return null;
        if (is(object, 'Unicode')) {
          const found = utf8(object, size);
          if (found.isNull()) clear();  // half a surrogate pair
          else return found.readUtf8String(Math.min(size.readLong().valueOf(), LONGEST_TEXT));
        } else if (is(object, 'Bytes')) {
          return bytes(object).readCString(Math.min(Number(bytesSize(object)), LONGEST_TEXT));
        }
        return null;
      },

      words(object) {
        if (object.isNull()) return null;
        const [length, item] = is(object, 'List') ? [listSize, listItem]
          : is(object, 'Tuple') ? [tupleSize, tupleItem] : [null, null];
        if (length === null) return null;
        const found = [];
        for (let i = 0; i < Math.min(Number(length(object)), LONGEST_LIST); i++) {
          found.push(this.text(item(object, i)) ?? '?');
        }
        return found;
      },
    };
  }

  const imported = new Set();
  const command = (python, whole, words) => {
    const said = python.text(whole) ?? (words = python.words(words ?? whole), words && quoted(words));
    if (said) emit('runtime.command', { language: 'python', command: said });
  };
  let asked = '';
  const request = (method, url) => {
    if (url === asked) return;  // by urllib, and now by the http.client beneath it
    asked = url;
    emit('runtime.request', { language: 'python', method, url });
  };

  const TELL = {
    'import'(python, args) {
      const module = python.text(python.item(args, 0));
      if (!module || module.includes('.') || module.startsWith('_') || imported.has(module)) return;
      imported.add(module);
      emit('runtime.import', { language: 'python', module });
    },
    'subprocess.Popen': (python, args) => command(python, python.item(args, 1)),
    'os.system': (python, args) => command(python, python.item(args, 0)),
    'os.exec': (python, args) => command(python, NULL, python.item(args, 1)),
    'os.posix_spawn': (python, args) => command(python, NULL, python.item(args, 1)),
    'pty.spawn': (python, args) => command(python, python.item(args, 0)),
    'urllib.Request'(python, args) {
      const url = python.text(python.item(args, 0));
      const method = python.text(python.item(args, 3));
      if (url) request(method || (python.text(python.item(args, 1)) === null ? 'GET' : 'POST'), url);
    },
    // All of urllib, requests and pip come by here. The bytes do not tell whether they will be encrypted.
    'http.client.send'(python, args) {
      const sent = python.text(python.item(args, 1)) ?? '';
      const [, method, path] = /^([A-Z]{3,16}) (\S+) HTTP\/1/.exec(sent) ?? [];
      const [, host] = /\r\nHost: ?([^\r\n]+)/i.exec(sent) ?? [];
      if (method === undefined || host === undefined) return;
      const url = path.startsWith('/') ? `//${host}${path}` : path;
      if (!asked.endsWith(url)) request(method, url);
    },
  };

  listen(program);
  whenLoaded('libpython3*', listen);
});
