// Ruby: what is required and what is started, by the functions the interpreter offers to its extensions.
agent(({ emit, text, hookAt, program, whenLoaded }) => {
  const required = new Set();

  function listen(module) {
    const require = module.findExportByName('rb_require_string') ?? module.findExportByName('rb_f_require');
    const toText = module.findExportByName('rb_string_value_cstr');
    if (require === null || toText === null) return;
    // VALUE names are read in place (RString: flags, class, length, pointer or the bytes themselves): a call into Ruby
    // could raise, and a Ruby exception must not pass through here.
    const NOEMBED = 1 << 13;  // RSTRING_NOEMBED of <ruby/internal/core/rstring.h>
    const T_STRING = 5;
    const read = (value) => {
      if (value.isNull() || !value.and(7).isNull() || (value.readU32() & 0x1f) !== T_STRING) return null;
      const word = Process.pointerSize;
      return (value.readU32() & NOEMBED) !== 0 ? text(value.add(3 * word).readPointer()) : text(value.add(3 * word));
    };
    const isString = module.findExportByName('rb_require_string') !== null;
    hookAt(require, 'require', {
      enter([first, second]) {
        const name = read(isString ? first : second);
        if (!name || required.has(name)) return;
        required.add(name);
        emit('runtime.import', { language: 'ruby', module: name });
      },
    });
  }

  listen(program);
  whenLoaded('libruby*', listen);
});
