import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { makeDataFolder } from '../../libs/database/test/data-folder.js';
import { eventually } from '../harness/eventually.js';
import { HttpClient } from './http-client.js';
import { isDatabase, killNow, processesOn, type RunningProcess } from './process-census.js';
import { Program } from './program.js';
import { mustRun, runCommand, type Finished } from './run-command.js';

const EVERYTHING = 'kms:keys:read kms:keys:write kms:keys:sign kms:keys:verify kms:keys:delete audit:read';

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** A data folder and a port for the built program to run with, and whatever was started there. */
export class Stage {
  readonly #clients: HttpClient[] = [];

  private constructor(
    readonly dataDir: string,
    /** What a shell would have exported before `npm start`. */
    readonly env: Record<string, string>,
    private readonly removeFolder: () => void,
  ) {}

  /** Builds the program, where it is not yet. */
  static async open(env: Record<string, string> = {}): Promise<Stage> {
    await mustRun(process.execPath, ['scripts/build.mjs'], {}, 170_000);
    const { dataDir, remove } = makeDataFolder();
    const own = { CLAVIGER_DATA_DIR: dataDir, CLAVIGER_PORT: String(await freePort()) };
    return new Stage(dataDir, { ...own, ...env }, remove);
  }

  launch(env: Record<string, string> = {}, options: { foreground?: boolean } = {}): Program {
    return Program.launch({ ...this.env, ...env }, options);
  }

  start(env: Record<string, string> = {}, options: { foreground?: boolean } = {}): Promise<Program> {
    return this.launch(env, options).listens();
  }

  /** Runs the operator's tool to its end. */
  claviger(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
    return runCommand(process.execPath, ['dist/apps/cli/src/main.js', ...args], { ...this.env, ...env });
  }

  /** The same for a command that has to succeed; gives its JSON. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  async must(args: readonly string[], env: Record<string, string> = {}): Promise<any> {
    const { exitCode, out, err } = await this.claviger([...args, '--json'], env);
    if (exitCode !== 0) throw new Error(`claviger ${args.join(' ')}: exit code ${exitCode}\n${out}${err}`);
    return JSON.parse(out);
  }

  /** A client of `program`, for a tenant that is made where it is missing. */
  async client(program: Program, tenant = 'acme', scope = EVERYTHING): Promise<HttpClient> {
    const { token } = await this.must(['token', '--tenant', tenant, '--scope', scope]);
    return this.clientOf(program, token);
  }

  clientOf(program: Program, token?: string): HttpClient {
    const client = new HttpClient(program.url, token);
    this.#clients.push(client);
    return client;
  }

  /** Resolves when no process has to do with the data folder any more. */
  async isDeserted(withinMs = 20_000): Promise<void> {
    await eventually(
      `no process on ${this.dataDir}`,
      () => processesOn(this.dataDir).length === 0,
      withinMs,
    ).catch((error: Error) => {
      const list = processesOn(this.dataDir).map(({ pid, command }) => `${pid} ${command}`);
      throw new Error(`${error.message}, but there are\n${list.join('\n')}`);
    });
  }

  /** Ends what is left, however it got there: what has to do with this fresh folder was started here. */
  async endAll(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.close();
    const kill = (list: RunningProcess[]): void => killNow(list.map(({ pid }) => pid));
    // A database ends with its server; killed, it would leave its shared memory behind.
    kill(processesOn(this.dataDir).filter((one) => !isDatabase(one)));
    await this.isDeserted().catch((error: unknown) => {
      kill(processesOn(this.dataDir));
      throw error;
    });
  }

  async close(): Promise<void> {
    await this.endAll();
    this.removeFolder();
  }
}
