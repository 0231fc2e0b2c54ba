import { ConfigError, loadConfigFor, type Config, type ConfigPart } from '#config';
import type { Database } from '#database';
import type { CommandContext, CommandResult } from '../command.js';
import { fail, type Check } from '../doctor/check.js';
import { dataFolderChecks } from '../doctor/data-folder.checks.js';
import { databaseChecks } from '../doctor/database.checks.js';
import { issuerChecks } from '../doctor/issuer.checks.js';
import { rootRingChecks } from '../doctor/root-ring.checks.js';
import { runtimeChecks } from '../doctor/runtime.checks.js';
import { settingChecks } from '../doctor/setting.checks.js';
import { EXIT } from '../exit-code.js';

const WORST = ['ok', 'warn', 'fail'] as const;

function report(checks: readonly Check[]): CommandResult {
  const status = WORST[Math.max(...checks.map((check) => WORST.indexOf(check.status)))] ?? 'ok';
  const width = Math.max(...checks.map((check) => check.name.length));
  const lines = checks.map(
    ({ name, status, detail }) =>
      `${status.padEnd(4)}  ${name.padEnd(width)}  ${detail.replaceAll('\n', '; ')}\n`,
  );
  return {
    json: { status, checks },
    text: lines.join(''),
    exitCode: status === 'fail' ? EXIT.failed : EXIT.ok,
  };
}

/** The configuration of what stands on `parts` only, or what is wrong with it. */
function tryConfig(parts: readonly ConfigPart[], context: CommandContext): Config | Check[] {
  try {
    return loadConfigFor(parts, context.env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((problem) => fail('configuration', problem));
    throw error;
  }
}

/**
 * Looks at everything that Claviger stands on and changes none of it. What cannot be configured is listed and does
 * not keep the rest from being looked at. Exit code 1 where something fails.
 */
export async function examine(context: CommandContext): Promise<CommandResult> {
  const checks = runtimeChecks();
  const base = tryConfig([], context);
  if (Array.isArray(base)) return report([...checks, ...base]);
  checks.push(...(await settingChecks(base)), ...(await dataFolderChecks(base)));
  const look = async (part: ConfigPart, examinePart: (config: Config) => Promise<readonly Check[]>) => {
    const config = tryConfig([part], context);
    checks.push(...(Array.isArray(config) ? config : await examinePart(config)));
  };
  let database: Database | undefined;
  await look('database', async (config) => {
    const findings = await databaseChecks(config, context);
    ({ database } = findings);
    return findings.checks;
  });
  await look('rootKey', (config) => rootRingChecks(config, database));
  await look('issuers', issuerChecks);
  return report(checks);
}
