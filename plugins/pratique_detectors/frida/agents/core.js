// What every agent stands on: how it says something, hooks something, and does no harm. Loaded first, by itself.
//
// `params` ({agents: [{name, source, settings}]}) is handed over by the controller. See docs/agents.md.
'use strict';

const BATCH = 200;            // events sent together
const LONGEST_TEXT = 4096;    // bytes read of one text
const MOST_WORDS = 256;       // words read of one command line

// -- in C: whether JavaScript may run at all --------------------------------------------------------------------------
// A forked child has this engine's locks but none of its threads: JavaScript in it could wait for ever. A child of
// vfork() or posix_spawn() runs on its parent's memory and, maybe, a tiny stack. So every hook begins in C, and goes on
// in JavaScript only in the process the agents were put into.
const own = Memory.alloc(4).writeInt(Process.id);
const forked = Memory.alloc(4).writeInt(0);
const native = new CModule(`
#include <gum/guminterceptor.h>

typedef struct { int call; } Invocation;

extern int entered (int hook, void * arguments);
extern void left (int hook, int call, void * value);
extern void hand_over (void);
extern int getpid (void);
extern int close (int);
extern long syscall (long, ...);
extern int * __errno_location (void);
extern int clock_gettime (int, void *);

/* A module's own variables cannot be written to: these lie elsewhere. */
extern int own;  /* the process the agents were put into */
extern volatile int forked;  /* children it made since that was last told */

static int enter (GumInvocationContext * context)
{
  void * arguments[6];
  int i;

  for (i = 0; i != 6; i++)
    arguments[i] = gum_invocation_context_get_nth_argument (context, i);
  return entered ((int) (gssize) GUM_IC_GET_FUNC_DATA (context, void *), arguments);
}

void on_enter (GumInvocationContext * context)
{
  if (getpid () == own)
    enter (context);
}

void on_enter_and_leave (GumInvocationContext * context)
{
  Invocation * invocation = GUM_IC_GET_INVOCATION_DATA (context, Invocation);
  invocation->call = getpid () == own ? enter (context) : 0;
}

void on_leave (GumInvocationContext * context)
{
  Invocation * invocation = GUM_IC_GET_INVOCATION_DATA (context, Invocation);
  if (invocation->call == 0 || getpid () != own)
    return;
  left ((int) (gssize) GUM_IC_GET_FUNC_DATA (context, void *), invocation->call,
      gum_invocation_context_get_return_value (context));
}

/* The process is about to end, or to become another program. */
void before_the_end (GumInvocationContext * context)
{
  if (getpid () == own)
    hand_over ();
}

void after_fork (GumInvocationContext * context)
{
  if (getpid () == own && (gssize) gum_invocation_context_get_return_value (context) > 0)
    forked++;
}

/* These two would close the agents' own channel. Callers fall back to close(), which Frida guards it against. */
int refuse_close_range (unsigned int first, unsigned int last, int flags)
{
  if (flags != 0)
    return (int) syscall (436, first, last, flags);
  *__errno_location () = 38;
  return -1;
}

void close_one_by_one (int first)
{
  int i;
  for (i = first < 0 ? 0 : first; i < 65536; i++)
    close (i);
}

double now (void)
{
  long t[2];
  clock_gettime (1, t);
  return (double) t[0] + (double) t[1] / 1e9;
}
`, {
  own,
  forked,
  entered: new NativeCallback((hook, args) => entered(hook, args), 'int', ['int', 'pointer']),
  left: new NativeCallback((hook, call, value) => left(hook, call, value), 'void', ['int', 'int', 'pointer']),
  hand_over: new NativeCallback(() => handOver(), 'void', []),
  ...Object.fromEntries(
    ['getpid', 'close', 'syscall', '__errno_location', 'clock_gettime'].map((name) => [
      name, Module.getGlobalExportByName(name),
    ]),
  ),
});
const now = new NativeFunction(native.now, 'double', [], { scheduling: 'exclusive', exceptions: 'propagate' });

function attachNative(name, callbacks) {
  const address = Module.findGlobalExportByName(name);
  if (address !== null) Interceptor.attach(address, callbacks);
}

for (const [name, instead] of [['close_range', native.refuse_close_range], ['closefrom', native.close_one_by_one]]) {
  const address = Module.findGlobalExportByName(name);
  if (address !== null) Interceptor.replace(address, instead);
}
attachNative('fork', { onLeave: native.after_fork });
for (const name of ['execve', 'execveat', 'fexecve', '_exit', 'quick_exit', 'abort']) {
  attachNative(name, { onEnter: native.before_the_end });
}

// -- saying something ------------------------------------------------------------------------------------------------
let batch = [];
let underWay = false;  // something was sent that nobody waited for

function add(record) {
  batch.push(record);
  if (batch.length >= BATCH) handOver();
}

// Waits until the controller has it: so nothing is lost, and a program that says much waits for those who listen.
function handOver() {
  const children = forked.readInt();
  if (batch.length === 0 && children === 0 && !underWay) return;
  const events = batch;
  batch = [];
  underWay = false;
  forked.writeInt(0);
  send({ acts: events, forked: children, asked: false });  // behind what is under way: heard after it
  recv('heard', () => {}).wait();
}

// The controller asks now and then, so that a long-running program is heard before it ends.
function answer() {
  recv('say', () => {
    const events = batch;
    batch = [];
    const children = forked.readInt();
    forked.writeInt(0);
    underWay = underWay || events.length > 0 || children > 0;
    send({ acts: events, forked: children, asked: true });
    answer();
  });
}
answer();

const told = new Set();
function fault(agent, where, error) {
  const what = `${where}: ${error.message ?? error}`;
  if (told.has(agent + what)) return;
  told.add(agent + what);
  add({ agent, fault: what.slice(0, LONGEST_TEXT), time: now() });
}

// -- reading the program's memory ------------------------------------------------------------------------------------

const strnlen = new NativeFunction(Module.getGlobalExportByName('strnlen'), 'size_t', ['pointer', 'size_t']);
const lengthOf = (pointer, limit) => Number(strnlen(pointer, limit));

// The text at a pointer, at most `limit` bytes of it; null where there is none or it cannot be read.
function text(pointer, limit = LONGEST_TEXT) {
  if (pointer.isNull()) return null;
  try {
    const length = lengthOf(pointer, limit);
    return length === 0 ? '' : pointer.readCString(length);
  } catch {
    return null;
  }
}

// A null-terminated array of texts, such as argv.
function words(pointer, most = MOST_WORDS) {
  const found = [];
  try {
    for (let i = 0; i < most; i++) {
      const word = pointer.add(i * Process.pointerSize).readPointer();
      if (word.isNull()) break;
      found.push(text(word) ?? '?');
    }
  } catch {
    // what was readable is kept
  }
  return found;
}

// Words as one would type them.
function quoted(list) {
  return list
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ')
    .slice(0, LONGEST_TEXT);
}

// -- hooking ---------------------------------------------------------------------------------------------------------
const watched = [];  // {pattern, then}: what to do with modules, also those loaded later
let observing = false;

function whenLoaded(pattern, then) {
  const expression = new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);
  watched.push({ expression, then });
  if (observing) {
    for (const module of Process.enumerateModules()) if (expression.test(module.name)) then(module);
    return;
  }
  observing = true;
  Process.attachModuleObserver({
    onAdded(module) {
      for (const { expression, then } of watched) if (expression.test(module.name)) then(module);
    },
  });
}

const program = Process.mainModule;

// The address of what a module exports, or null. The program itself is asked through the dynamic linker: to go through
// all that node exports would take a tenth of a second.
function exported(module, name) {
  if (!module.base.equals(program.base)) return module.findExportByName(name);
  const address = Module.findGlobalExportByName(name);
  if (address === null) return null;
  const offset = address.sub(program.base);
  return offset.compare(0) >= 0 && offset.compare(program.size) < 0 ? address : null;
}

const hooks = [];          // number -> {enter, leave}
const calls = new Map();   // number of a call under way -> what `enter` keeps for `leave`

let lastCall = 0;

function entered(number, pointers) {
  const { enter, leave } = hooks[number];
  const kept = {};
  let call = 0;
  if (leave !== null) {
    call = ++lastCall;
    calls.set(call, kept);
  }
  if (enter !== null) {
    const args = [];
    for (let i = 0; i < 6; i++) args.push(pointers.add(i * Process.pointerSize).readPointer());
    enter(args, kept);
  }
  return call;
}

function left(number, call, value) {
  const kept = calls.get(call) ?? {};
  calls.delete(call);
  hooks[number].leave(value, kept);
}

function apiFor(agent, settings) {
  const guarded = (where, run) => (...given) => {
    try {
      return run(...given);
    } catch (error) {
      fault(agent, where, error);
      return undefined;
    }
  };

  function hookAt(address, name, { enter, leave }) {
    const number = hooks.length;
    hooks.push({
      enter: enter ? guarded(name, enter) : null,
      leave: leave ? guarded(name, leave) : null,
    });
    const callbacks = leave
      ? { onEnter: native.on_enter_and_leave, onLeave: native.on_leave }
      : { onEnter: native.on_enter };
    guarded(name, () => Interceptor.attach(address, callbacks, ptr(number)))();
  }

  return Object.freeze({
    settings: Object.freeze(settings),
    program,
    exported,
    text,
    words,
    quoted,

    emit(kind, fields) {
      add({ agent, kind, fields, time: now() });
    },

    // Hook the function `name` of the modules that match `module` (`*` is anything), now and whenever one is loaded;
    // of null: of the program and the libraries it was linked with. `enter(args, call)` gets the
    // first six arguments as pointers and may keep things in `call` for `leave(value, call)`.
    hook(module, name, callbacks) {
      if (module === null) {
        const address = Module.findGlobalExportByName(name);
        if (address !== null) hookAt(address, name, callbacks);
        return address !== null;
      }
      whenLoaded(module, (found) => {
        const address = exported(found, name);
        if (address !== null) hookAt(address, name, callbacks);
      });
      return true;
    },

    // Hook the code at an address; `name` is for messages.
    hookAt,

    // Say that something went wrong here; the program goes on.
    fault: (where, error) => fault(agent, where, error),

    // `then(module)` for every module of that name, now and when it is loaded.
    whenLoaded(module, then) {
      whenLoaded(module, guarded(`whenLoaded ${module}`, then));
    },
  });
}

// -- the agents ------------------------------------------------------------------------------------------------------
rpc.exports = {
  start(agents) {
    for (const { name, source, settings } of agents) {
      const api = apiFor(name, settings);
      globalThis.agent = (run) => run(api);
      try {
        Script.evaluate(`/${name}.js`, source);
      } catch (error) {
        fault(name, 'loading', error);
      }
    }
    delete globalThis.agent;
  },
};
