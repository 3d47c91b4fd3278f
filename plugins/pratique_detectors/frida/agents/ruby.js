// Ruby: what is required. (What it starts, the call log has in the same words.)
agent(({ emit, text, hookAt, program, exported, whenLoaded }) => {
  const T_STRING = 5;        // of <ruby/internal/value_type.h>
  const SPECIAL = 7;         // bits of a VALUE that is no pointer
  const ITS_OWN = /\/lib\/([^/]+\/)?ruby\//;
  const required = new Set();

  function listen(module) {
    const require = exported(module, 'rb_require_string');  // (VALUE name)
    const pointerOf = exported(module, 'rb_string_value_ptr');
    if (require === null || pointerOf === null) return;
    const bytes = new NativeFunction(pointerOf, 'pointer', ['pointer'], { scheduling: 'exclusive' });
    const value = Memory.alloc(Process.pointerSize);

    hookAt(require, 'require', {
      enter([name]) {
        // Of a string this only gives the address of its bytes; of anything else it could raise, and is not asked.
        if (name.isNull() || !name.and(SPECIAL).isNull() || (name.readU32() & 0x1f) !== T_STRING) return;
        value.writePointer(name);
        const path = text(bytes(value));
        if (!path || ITS_OWN.test(path)) return;
        const library = path.startsWith('/') ? path : path.split('/')[0];
        if (required.has(library)) return;
        required.add(library);
        emit('runtime.import', { language: 'ruby', module: library });
      },
    });
  }

  listen(program);
  whenLoaded('libruby*', listen);
});
