import { createHook } from 'node:async_hooks';

/** What keeps a process alive, by the names that Node gives it; what only passes (a read, a lookup) is left out. */
const kinds: Readonly<Record<string, string>> = {
  TCPSERVERWRAP: 'server',
  TCPWRAP: 'socket',
  PIPESERVERWRAP: 'pipe server',
  PIPEWRAP: 'pipe',
  UDPWRAP: 'UDP socket',
  FSEVENTWRAP: 'file watcher',
  STATWATCHER: 'file watcher',
  WORKER: 'worker',
  Timeout: 'timer',
};
const framesMax = 30;
const runner = /node_modules\/(?:@vitest|vitest|vite|tinypool)\//;
const ours = /\/(?:client|functions|infra|localstack|migrations|shared|test)\/(?!.*node_modules)/;

interface OpenHandle {
  readonly kind: string;
  readonly resource: WeakRef<object>;
  readonly opened: { readonly stack?: string };
}

/** The handles that were opened since, and by whom. */
export class OpenHandles {
  readonly #open = new Map<number, OpenHandle>();
  readonly #hook = createHook({
    init: (id, type, _trigger, resource) => {
      const kind = kinds[type];
      if (kind !== undefined)
        this.#open.set(id, { kind, resource: new WeakRef(resource), opened: stackHere() });
    },
    destroy: (id) => void this.#open.delete(id),
  });

  constructor() {
    this.#hook.enable();
  }

  /** A sentence for each handle that is open and waited for. */
  describe(): readonly string[] {
    return this.#describe(() => true);
  }

  /** The same for the timers that our own code sets itself, not through a package. */
  describeOwnTimers(): readonly string[] {
    return this.#describe(
      ({ kind, opened }) => kind === 'timer' && ours.test(framesOf(opened.stack ?? '')[0] ?? ''),
    );
  }

  #describe(isAsked: (handle: OpenHandle) => boolean): readonly string[] {
    return [...this.#open.values()].filter(isAsked).flatMap(({ kind, resource, opened }) => {
      const by = openedBy(opened.stack ?? '');
      return by === null || !keepsAlive(resource.deref()) ? [] : [`a ${kind} is open, opened ${by}`];
    });
  }

  end(): void {
    this.#hook.disable();
    this.#open.clear();
  }
}

/** The frames that say who opened a handle; null for the test runner and the record itself. */
function openedBy(stack: string): string | null {
  const frames = framesOf(stack);
  const own = frames.filter((frame) => ours.test(frame));
  // The streams of the process itself are opened when somebody first asks for them.
  if (/\bgetStd(?:in|out|err) /.test(stack)) return null;
  if (own[0]?.includes('/leak-record.ts')) return null;
  if (own.length === 0 && frames.some((frame) => runner.test(frame))) return null;
  const shown = own.length > 0 ? own : frames.slice(0, 3);
  return shown.map((frame) => frame.trim()).join(', ') || 'by Node itself';
}

function framesOf(stack: string): readonly string[] {
  return stack.split('\n').filter((frame) => / at (?!.*(?:node:|open-handles\.ts))/.test(frame));
}

function stackHere(): { readonly stack?: string } {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = framesMax;
  const here = new Error();
  Error.stackTraceLimit = limit;
  return here;
}

/** Whether a process waits for it; what is closed answers no. */
function keepsAlive(resource: object | undefined): boolean {
  if (resource === undefined) return false;
  const hasRef: unknown = Reflect.get(resource, 'hasRef');
  return typeof hasRef !== 'function' || Reflect.apply(hasRef, resource, []) === true;
}
