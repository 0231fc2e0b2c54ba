import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT, runStep } from './run-step.mjs';

/** What no service may do without, one line each that does not hold. */
function hardeningFaults([name, service]) {
  const faults = [];
  const needs = (holds, what) => holds || faults.push(`${name}: ${what}\n`);
  needs(service.read_only === true, 'its file system can be written (read_only)');
  needs(String(service.cap_drop) === 'ALL', 'it has capabilities (cap_drop)');
  needs(service.security_opt?.includes('no-new-privileges:true'), 'it may gain privileges (security_opt)');
  needs(service.ulimits?.core === 0, 'a crash leaves its memory on the disk (ulimits.core)');
  for (const port of service.ports ?? [])
    needs(port.startsWith('127.0.0.1:'), `port ${port} is published beyond this machine`);
  return faults;
}

async function findCompose() {
  for (const command of [['docker-compose'], ['docker', 'compose']])
    if ((await runStep(command[0], [...command.slice(1), 'version'])).ok) return command;
  return undefined;
}

/** What is wrong with what compose makes of its file, where that is what the profile says. */
function profileFaults(profile, { services }) {
  const stage = profile ?? 'claviger';
  const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
  const targets = Object.values(services).flatMap(({ build }) => (build ? [build.target] : []));
  const faults = targets
    .filter((target) => target !== stage)
    .map((target) => `${stage} is to be built, and ${target} would be\n`);
  if (!new RegExp(`^FROM \\S+ AS ${stage}$`, 'm').test(dockerfile))
    faults.push(`the Dockerfile has no stage ${stage}\n`);
  if (services.softhsm?.environment.CLAVIGER_SOFTHSM_PIN)
    faults.push('the token has a PIN that nobody set\n');
  return faults;
}

/**
 * Whether docker-compose.yml is hardened, is accepted with its variables set, and without any one of them is refused
 * naming that one, and builds what its profile needs. Undefined where neither docker-compose nor docker compose is installed.
 */
export async function checkCompose(scratch, environment) {
  const command = await findCompose();
  if (!command) return undefined;
  const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');
  const names = [...new Set([...text.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name))];
  // Instead of a file .env of the developer's.
  const empty = join(scratch, 'empty.env');
  writeFileSync(empty, '');
  const configure = (lacking, profile) =>
    runStep(command[0], [...command.slice(1), '--env-file', empty, 'config'], {
      ...environment,
      ...Object.fromEntries(names.map((name) => [name, name === lacking ? undefined : '/x'])),
      COMPOSE_PROFILES: profile,
    });
  const faults = Object.entries(parse(text, { merge: true }).services).flatMap(hardeningFaults);
  let seconds = 0;
  for (const profile of [undefined, 'softhsm']) {
    const whole = await configure(undefined, profile);
    seconds += whole.seconds;
    faults.push(...(whole.ok ? profileFaults(profile, parse(whole.output)) : [whole.output]));
  }
  for (const name of names) {
    const result = await configure(name);
    seconds += result.seconds;
    if (result.ok) faults.push(`${name} may be left out\n`);
    else if (!new RegExp(`: set ${name} to [^{]*$`).test(result.output))
      faults.push(`without ${name}: ${result.output}\n`);
  }
  return { ok: faults.length === 0, output: faults.join(''), seconds };
}
