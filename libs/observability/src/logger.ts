import { pino, type DestinationStream, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Members that never reach a log line, at any depth. A second wall: nobody should log them at all. */
const SECRETS: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'passphrase',
  'password',
  'pin',
  'private_key',
  'privateKey',
  'secret',
  'token',
]);

const DEPTH = 6;

/** Most lines have a few plain members and nothing to hide: those are passed on as they are. */
function isHarmless(line: object): boolean {
  for (const name in line) {
    const member = (line as Record<string, unknown>)[name];
    if ((typeof member === 'object' && member !== null) || SECRETS.has(name)) return false;
  }
  return true;
}

/** A copy with what is secret by name left out. pino's own redaction by paths cost 80 µs a line with wildcards. */
function redact(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth === DEPTH) return '[too deep]';
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  const copy: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    copy[name] = SECRETS.has(name) ? '[redacted]' : redact(member, depth + 1);
  }
  return copy;
}

let lastMs = 0;
let lastTime = '';

/** RFC 3339 in UTC. Under load several lines share a millisecond, whose text is made once. */
function isoTime(): string {
  const now = Date.now();
  if (now !== lastMs) {
    lastMs = now;
    lastTime = `,"time":"${new Date(now).toISOString()}"`;
  }
  return lastTime;
}

export interface LoggerOptions {
  readonly level: string;
  /** Where lines go; standard output, written asynchronously, unless given. */
  readonly destination?: DestinationStream;
}

/** JSON lines on standard output, buffered for at most half a second. */
export function createLogger({ level, destination }: LoggerOptions): Logger {
  const stream =
    destination ?? pino.destination({ dest: 1, sync: false, minLength: 4_096, periodicFlush: 500 });
  return pino(
    {
      level,
      base: { service: 'claviger' },
      timestamp: isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (line) => (isHarmless(line) ? line : redact(line)) as Record<string, unknown>,
      },
      serializers: { err: describeError },
    },
    stream,
  );
}

/** What of an error is logged: kind, text and stack of it and its causes, but no further members (parameters, rows). */
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error;
  const { name, message, stack, cause } = error;
  const code = (error as { code?: unknown }).code;
  return {
    type: name,
    message,
    ...(typeof code === 'string' && { code }),
    stack,
    ...(cause !== undefined && depth < 4 && { cause: describeError(cause, depth + 1) }),
  };
}
