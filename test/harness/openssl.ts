import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface OpenSslRun {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** The `openssl` program, which made the keys and signatures of the tests and judges ours, with a folder of its own. */
export class OpenSsl {
  #files = 0;

  private constructor(private readonly folder: string) {}

  static async open(): Promise<OpenSsl> {
    return new OpenSsl(await mkdtemp(join(tmpdir(), 'claviger-openssl-')));
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Writes a file and gives its path. */
  async file(content: Buffer | string): Promise<string> {
    const path = join(this.folder, `file-${(this.#files += 1)}`);
    await writeFile(path, content);
    return path;
  }

  /** Runs to the end, however that is. */
  run(args: readonly string[], input: Buffer | string = ''): Promise<OpenSslRun> {
    return new Promise((resolve, reject) => {
      const child = spawn('openssl', args, { stdio: 'pipe' });
      const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
      child.stdout.on('data', (chunk: Buffer) => void stdout.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => void stderr.push(chunk));
      child.on('error', reject);
      child.on('close', (code) =>
        resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }),
      );
      // What refuses its arguments does not read its input.
      child.stdin.on('error', () => undefined);
      child.stdin.end(input);
    });
  }

  /** What it prints. Throws when it fails. */
  async print(args: readonly string[], input: Buffer | string = ''): Promise<Buffer> {
    const { code, stdout, stderr } = await this.run(args, input);
    if (code === 0) return stdout;
    throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
  }

  /** A fresh private key, PKCS#8 PEM, by the arguments of `genpkey`. */
  generate(...args: string[]): Promise<Buffer> {
    return this.print(['genpkey', ...args]);
  }

  /** The public half of a private key, SubjectPublicKeyInfo PEM. */
  publicKey(privateKey: Buffer): Promise<Buffer> {
    return this.print(['pkey', '-pubout'], privateKey);
  }
}
