// Node: which packages are loaded and which programs are started.
//
// From beside V8, not within: nothing is put into the program's JavaScript (a --require would be seen, and change what
// runs). V8's and libuv's own functions are exported for add-ons; two of them see all there is to see.
// By name, not by search: node exports so much that looking through it would take half a second. All of it is in the
// program itself, or, as Debian has it, V8 in libnode and the rest in libuv.
const COMPILERS = [
  // CompileFunction(context, source, ...), and what it is one call of in Node 20
  '_ZN2v814ScriptCompiler15CompileFunctionENS_5LocalINS_7ContextEEEPNS0_6SourceEmPNS1_INS_6StringEEEmPNS1_INS_6ObjectEEE' +
    'NS0_14CompileOptionsENS0_13NoCacheReasonE',
  '_ZN2v814ScriptCompiler23CompileFunctionInternalENS_5LocalINS_7ContextEEEPNS0_6SourceEmPNS1_INS_6StringEEEmPNS1_INS_6' +
    'ObjectEEENS0_14CompileOptionsENS0_13NoCacheReasonEPNS1_INS_14ScriptOrModuleEEE',
  // CompileFunctionInContext(context, source, ...), in Node 18
  '_ZN2v814ScriptCompiler24CompileFunctionInContextENS_5LocalINS_7ContextEEEPNS0_6SourceEmPNS1_INS_6StringEEEmPNS1_INS_6' +
    'ObjectEEENS0_14CompileOptionsENS0_13NoCacheReasonEPNS1_INS_14ScriptOrModuleEEE',
  // CompileModule(isolate, source, ...)
  '_ZN2v814ScriptCompiler13CompileModuleEPNS_7IsolateEPNS0_6SourceENS0_14CompileOptionsENS0_13NoCacheReasonE',
];

agent(({ emit, text, words, quoted, hookAt }) => {
  const at = (name) => Module.findGlobalExportByName(name);
  const utf8 = at('_ZN2v86String9Utf8ValueC1EPNS_7IsolateENS_5LocalINS_5ValueEEE');
  const forget = at('_ZN2v86String9Utf8ValueD1Ev');
  const current = at('_ZN2v87Isolate10GetCurrentEv');
  const spawn = at('uv_spawn');
  if (spawn === null || current === null) return;  // this is no node

  hookAt(spawn, 'uv_spawn', {
    // (loop, handle, uv_process_options_t {exit_cb, file, args, ...}) of <uv.h>
    enter([, , options]) {
      const file = text(options.add(Process.pointerSize).readPointer());
      const [, ...rest] = words(options.add(2 * Process.pointerSize).readPointer());
      if (file !== null) emit('runtime.command', { language: 'node', command: quoted([file, ...rest]) });
    },
  });

  if (utf8 === null || forget === null) return;
  const read = new NativeFunction(utf8, 'void', ['pointer', 'pointer', 'pointer'], { scheduling: 'exclusive' });
  const drop = new NativeFunction(forget, 'void', ['pointer'], { scheduling: 'exclusive' });
  const isolate = new NativeFunction(current, 'pointer', [], { scheduling: 'exclusive' });
  const value = Memory.alloc(64);  // v8::String::Utf8Value {char *, length}
  const loaded = new Set();

  // v8::ScriptCompiler::Source begins with the source and then the name of what is compiled.
  function compiled([, source]) {
    const name = source.add(Process.pointerSize).readPointer();
    if (name.isNull()) return;
    read(value, isolate(), name);
    const path = text(value.readPointer());
    drop(value);
    if (!path || !/^(file:\/\/)?\//.test(path)) return;  // node's own
    const [, module] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path) ?? [null, path.replace(/^file:\/\//, '')];
    if (loaded.has(module)) return;
    loaded.add(module);
    emit('runtime.import', { language: 'node', module });
  }

  for (const name of COMPILERS) {
    const address = at(name);
    if (address !== null) hookAt(address, name, { enter: compiled });
  }
});
