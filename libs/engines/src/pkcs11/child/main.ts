/**
 * The program of the child process: one vendor library, one token, one login. It knows no tenants and no keys but by
 * their ids, keeps nothing, and ends when its parent lets go of it.
 */
import type { Handle, PKCS11 } from 'pkcs11js';
import { CKF } from '../cryptoki.js';
import type { FromChild, ToChild, TokenArguments, TokenOperation } from '../token-protocol.js';
import { openToken, type OpenToken } from './open-token.js';
import { SecretPipe } from './secret-pipe.js';
import { SessionPool } from './session-pool.js';
import { TokenFailure, meaningOf, reasonOf } from '../token-failure.js';
import { TokenObjects } from './token-objects.js';
import { TokenOperations } from './token-operations.js';

const USER = 1;
const USER_ALREADY_LOGGED_IN = 0x100;
/** CKS_RW_USER_FUNCTIONS */
const LOGGED_IN = 3;
const SECRETS_FD = 4;
/** Devices in a network forget who is silent for some minutes. */
const KEEP_ALIVE_MS = 60_000;

const secrets = new SecretPipe(SECRETS_FD);
let token: OpenToken | undefined;
let operations: TokenOperations | undefined;
let check: (() => boolean) | undefined;
let underWay = 0;

function logIn(lib: PKCS11, session: Handle, pin: Buffer): void {
  try {
    lib.C_Login(session, USER, pin.toString('utf8'));
  } catch (error) {
    if ((error as { code?: unknown }).code === USER_ALREADY_LOGGED_IN) return;
    throw TokenFailure.of(meaningOf(error) === 'pin' ? 'pin' : 'device', reasonOf(error));
  } finally {
    pin.fill(0);
  }
}

/** The session that holds the login is lent to nobody: with a token's last session its login ends. */
function login({ sessions }: TokenArguments<'login'>, pin: Buffer): { sessions: number } {
  const { lib, slot, facts } = opened();
  const holder = lib.C_OpenSession(slot, CKF.SERIAL_SESSION | CKF.RW_SESSION);
  logIn(lib, holder, pin);
  const pool = new SessionPool(lib, slot);
  pool.fill(facts.maxSessions === 0 ? sessions : Math.max(1, Math.min(sessions, facts.maxSessions - 1)));
  const { serialNumber } = lib.C_GetTokenInfo(slot);
  check = () => isWell(lib, slot, holder, serialNumber);
  operations = new TokenOperations(lib, pool, new TokenObjects(lib), check);
  setInterval(() => keepAlive(lib, holder), KEEP_ALIVE_MS);
  return { sessions: pool.size };
}

function isWell(lib: PKCS11, slot: Handle, holder: Handle, serialNumber: string): boolean {
  try {
    const same = lib.C_GetTokenInfo(slot).serialNumber === serialNumber;
    return same && lib.C_GetSessionInfo(holder).state === LOGGED_IN;
  } catch {
    return false;
  }
}

/** Better gone before anybody asks than a call that fails. */
function keepAlive(lib: PKCS11, holder: Handle): void {
  try {
    lib.C_GenerateRandom(holder, Buffer.alloc(16));
  } catch {
    // Not every token has a generator; only one that is not well any more is given up.
    if (!check?.()) process.exit(1);
  }
}

function opened(): OpenToken {
  if (!token) throw TokenFailure.of('device', 'no token was opened');
  return token;
}

function ready(): TokenOperations {
  if (!operations) throw TokenFailure.of('device', 'nobody is logged in');
  return operations;
}

const HANDLERS: Record<TokenOperation, (args: never, secret: Buffer) => unknown> = {
  open: async (args: TokenArguments<'open'>) => (token = await openToken(args)).facts,
  login,
  probe: (args: TokenArguments<'probe'>) => ready().probe(args),
  sign: (args: TokenArguments<'sign'>) => ready().sign(args),
  generate: (args: TokenArguments<'generate'>) => ready().generate(args),
  import: (args: TokenArguments<'import'>, secret) => ready().import(args, secret),
  wrapping: (args: TokenArguments<'wrapping'>) => ready().wrapping(args),
  unwrap: (args: TokenArguments<'unwrap'>) => ready().unwrap(args),
  'probe-unwrap': (args: TokenArguments<'probe-unwrap'>) => ready().probeUnwrap(args),
  find: (args: TokenArguments<'find'>) => ready().find(args),
  destroy: (args: TokenArguments<'destroy'>) => ready().destroy(args),
  list: () => ready().list(),
  read: (args: TokenArguments<'read'>) => ready().read(args),
  forget: (args: TokenArguments<'forget'>) => ready().forget(args),
  check: () => {
    if (check?.()) return true;
    throw TokenFailure.of('device', 'the token is gone or logged out');
  },
};

const answer = (message: FromChild): void => {
  if (process.connected) process.send?.(message);
};

async function handle([call, operation, args]: ToChild): Promise<void> {
  underWay += 1;
  try {
    const { secretLength = 0 } = args as { secretLength?: number };
    const secret = secretLength > 0 ? await secrets.read(secretLength) : Buffer.alloc(0);
    answer([call, await HANDLERS[operation](args as never, secret)]);
  } catch (error) {
    const failure =
      error instanceof TokenFailure ? error.failure : { kind: 'device' as const, reason: reasonOf(error) };
    answer([call, null, failure]);
  } finally {
    underWay -= 1;
  }
}

/** In a good order where nothing hinders it: a library that is at work may not survive its own end, or never come to it. */
function end(): void {
  if (underWay === 0) process.exit(0);
  process.kill(process.pid, 'SIGKILL');
}

process.on('message', (message: ToChild) => void handle(message));
process.on('disconnect', end);
// Ctrl-C reaches the whole group, and the parent still has calls to answer: it says when to end.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
