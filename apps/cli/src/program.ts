import { Command } from 'commander';
import type { CommandContext, CommandResult } from './command.js';
import { collect, parseRootId, parseScope, parseTenantId, parseTtl } from './option-parsers.js';

/** Runs a command's work and prints what it gives. */
export type Act = (
  command: Command,
  work: (context: CommandContext) => Promise<CommandResult>,
) => Promise<void>;

/** Where help is printed to. */
export interface CommandOutput {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

const EXIT_CODES = `
Exit codes:
  0  done
  1  it did not work, or faults were found (audit verify, doctor)
  2  wrong usage: unknown command or option, malformed value
  3  configuration: a variable or the root key ring is missing or refused
  4  not found
  5  conflict: it exists already, or its state does not allow this
  6  unavailable: the database cannot be reached, or another process holds the data folder`;

const HOUR_S = 3_600;

/**
 * The command line. What a command stands on is loaded when it runs, so that `token`, which is part of other
 * command lines, does not wait for what it does not use.
 */
export function createProgram(act: Act, { out, err }: CommandOutput): Command {
  const program = new Command('claviger')
    .description("Operator's tool of Claviger.")
    .option('--json', 'print one JSON document; errors are one, too, on standard error')
    .option('--quiet', 'print nothing on standard error but errors')
    .addHelpText('afterAll', EXIT_CODES)
    .exitOverride()
    // Errors of its own are thrown as well, and told by whoever catches them.
    .configureOutput({ writeOut: out, writeErr: err, outputError: () => undefined });
  addToken(program, act);
  addTenant(program.command('tenant').description('tenants'), act);
  program
    .command('migrate')
    .description('bring the database schema up to date')
    .action((_options: object, command: Command) =>
      act(command, async (context) =>
        (await import('./commands/migrate.command.js')).migrateDatabase(context),
      ),
    );
  addRootKey(program.command('root-key').description('the root key ring'), act);
  addAudit(program.command('audit').description('the audit log'), act);
  program
    .command('doctor')
    .description('tell what is configured, reachable and missing; changes nothing')
    .action((_options: object, command: Command) =>
      act(command, async (context) => (await import('./commands/doctor.command.js')).examine(context)),
    );
  return program;
}

function addToken(program: Command, act: Act): void {
  program
    .command('token')
    .description('print a token of the development issuer; makes the tenant where it is missing')
    .requiredOption('--tenant <id>', 'tenant it is for', parseTenantId)
    .requiredOption('--scope <permissions>', 'permissions, separated by spaces', parseScope)
    .option('--subject <name>', 'who it is for (default: "developer")')
    .option('--ttl <time>', 'how long it is good: 30s, 15m, 1h, 7d (default: 1h)', parseTtl, HOUR_S)
    .option('--key <id>', 'narrow it to this key; may be repeated', collect)
    .option('--alias <alias>', 'narrow it to keys of this alias; may be repeated', collect)
    .option('--tag <tag>', 'narrow it to keys of this tag; may be repeated', collect)
    .action((options: import('./commands/token.command.js').TokenOptions, command: Command) =>
      act(command, async (context) =>
        (await import('./commands/token.command.js')).mintToken(options, context),
      ),
    );
}

function addTenant(tenant: Command, act: Act): void {
  const load = () => import('./commands/tenant.command.js');
  const add = (
    name: string,
    description: string,
    run: (
      commands: Awaited<ReturnType<typeof load>>,
      id: string,
      context: CommandContext,
    ) => Promise<CommandResult>,
  ): void => {
    tenant
      .command(name)
      .description(description)
      .argument('<id>', 'tenant id', parseTenantId)
      .action((id: string, _options: object, command: Command) =>
        act(command, async (context) => run(await load(), id, context)),
      );
  };
  add('create', 'make a tenant', (commands, id, context) => commands.createTenant(id, context));
  tenant
    .command('list')
    .description('list all tenants')
    .action((_options: object, command: Command) =>
      act(command, async (context) => (await load()).listTenants(context)),
    );
  add('get', 'show a tenant', (commands, id, context) => commands.getTenant(id, context));
  add('suspend', 'refuse a tenant everything, at once', (commands, id, context) =>
    commands.suspendTenant(id, context),
  );
  add('resume', 'serve a suspended tenant again', (commands, id, context) =>
    commands.resumeTenant(id, context),
  );
}

function addRootKey(rootKey: Command, act: Act): void {
  const load = () => import('./commands/root-key.command.js');
  rootKey
    .command('add')
    .description('add a root, which becomes the active one; makes the ring where there is none')
    .option('--id <id>', 'its id (default: root-1, root-2, …)', parseRootId)
    .action((options: { id?: string }, command: Command) =>
      act(command, async (context) => (await load()).addRootKey(options, context)),
    );
  rootKey
    .command('rotate')
    .description('move everything to the active root, beside running processes')
    .action((_options: object, command: Command) =>
      act(command, async (context) => (await load()).rotateRootKey(context)),
    );
  rootKey
    .command('remove')
    .description('remove a root that nothing uses any more')
    .argument('<id>', 'root id', parseRootId)
    .action((id: string, _options: object, command: Command) =>
      act(command, async (context) => (await load()).removeRootKey(id, context)),
    );
  rootKey
    .command('list')
    .description('list the roots and what hangs on them')
    .action((_options: object, command: Command) =>
      act(command, async (context) => (await load()).listRootKeys(context)),
    );
}

function addAudit(audit: Command, act: Act): void {
  audit
    .command('verify')
    .description('recompute the audit log and hold it against its checkpoints')
    .option('--checkpoints <file>', 'checkpoints kept elsewhere, JSON lines; may be repeated', collect)
    .action((options: { checkpoints?: readonly string[] }, command: Command) =>
      act(command, async (context) =>
        (await import('./commands/audit.command.js')).verifyAudit(options.checkpoints ?? [], context),
      ),
    );
}
