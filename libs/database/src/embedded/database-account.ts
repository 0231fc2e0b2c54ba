import { execFile } from 'node:child_process';
import { chown, readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { AppError } from '#kernel';

const execute = promisify(execFile);

/** Nothing of the server's environment reaches the database's processes. */
export const DATABASE_ENVIRONMENT: NodeJS.ProcessEnv = Object.freeze({
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
});

/**
 * The death signal is set after the fork, so a server that dies in between would leave a process behind:
 * the child compares its parent once the signal is set, and then becomes the program.
 */
const UNLESS_ORPHANED = '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"';

interface Identity {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The operating-system user that the database runs as: PostgreSQL refuses to run as root. */
export class DatabaseAccount {
  private constructor(
    readonly name: string,
    private readonly identity?: Identity,
  ) {}

  /**
   * Ourselves where we are an ordinary user. Root becomes the owner of an existing `pgDir`, else the user
   * `postgres`, else `nobody`. Throws `unavailable` where there is none of them.
   */
  static async choose(pgDir: string): Promise<DatabaseAccount> {
    const uid = process.getuid?.();
    if (uid !== 0) return new DatabaseAccount(`uid ${uid}`);
    const users = await readUsers();
    const existing = await stat(pgDir).catch(() => undefined);
    const identity =
      existing && existing.uid !== 0
        ? users.find((user) => user.uid === existing.uid)
        : (users.find((user) => user.name === 'postgres') ?? users.find((user) => user.name === 'nobody'));
    if (identity && identity.uid !== 0) return new DatabaseAccount(identity.name, identity);
    throw new AppError('unavailable', {
      detail: existing
        ? `${pgDir} belongs to uid ${existing.uid}, which is no user of this machine: give it to one (chown -R), or set DATABASE_URL`
        : 'PostgreSQL does not run as root, and there is neither a user postgres nor nobody: add one, start as an ordinary user, or set DATABASE_URL',
    });
  }

  /** Whether this is another user than the one that runs us. */
  get isOther(): boolean {
    return this.identity !== undefined;
  }

  /** Argument vector that runs `program` as this user and sends it `signal` when our process dies, however. */
  command(signal: 'INT' | 'KILL', program: string, args: readonly string[]): [string, string[]] {
    const user = this.identity
      ? [`--reuid=${this.identity.uid}`, `--regid=${this.identity.gid}`, '--init-groups']
      : [];
    const guarded = ['/bin/sh', '-c', UNLESS_ORPHANED, 'sh', String(process.pid), program, ...args];
    return ['setpriv', [...user, `--pdeathsig=${signal}`, ...guarded]];
  }

  /** Runs `program` to its end. Rejects, with `stderr`, when it fails. */
  async run(program: string, args: readonly string[]): Promise<void> {
    const [file, argv] = this.command('KILL', program, args);
    await execute(file, argv, { cwd: '/', env: DATABASE_ENVIRONMENT, maxBuffer: 1 << 20 });
  }

  /** Whether this user passes `test` (`-r`, `-w`, `-x`) on every path, walking there with its own rights. */
  async can(test: '-r' | '-w' | '-x', ...paths: readonly string[]): Promise<boolean> {
    const conditions = paths.flatMap((path, index) => (index === 0 ? [test, path] : ['-a', test, path]));
    return this.run('test', conditions).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') throw withoutSetpriv(error);
        return false;
      },
    );
  }

  /** Hands a file or folder of ours to this user. */
  async give(path: string): Promise<void> {
    if (this.identity) await chown(path, this.identity.uid, this.identity.gid);
  }
}

/** `setpriv` (util-linux) is what ties the database's life to ours; without it nothing is started. */
export const withoutSetpriv = (cause: unknown): AppError =>
  new AppError('unavailable', {
    detail:
      'the embedded PostgreSQL needs the command setpriv of util-linux: install it, or set DATABASE_URL',
    cause,
  });

async function readUsers(): Promise<Identity[]> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  return lines
    .filter((fields) => fields.length >= 4)
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
}
