import { AuditVerifier, type AuditFault } from '#audit';
import { loadConfigFor } from '#config';
import { readCheckpointFile } from '../checkpoint-file.js';
import type { CommandContext, CommandResult } from '../command.js';
import { openDatabase } from '../database-connection.js';
import { EXIT } from '../exit-code.js';

const describe = ({ tenant, lane, seq, problem }: AuditFault): string =>
  `fault: tenant ${tenant} lane ${lane} record ${seq}: ${problem}\n`;

/**
 * Recomputes the audit log and holds it against its checkpoints and those of `files`, kept elsewhere. Faults are a
 * result, not an error: exit code 1.
 */
export async function verifyAudit(files: readonly string[], context: CommandContext): Promise<CommandResult> {
  const config = loadConfigFor(['database'], context.env);
  const kept = (await Promise.all(files.map(readCheckpointFile))).flat();
  const report = await new AuditVerifier(await openDatabase(config, context)).verify(kept);
  const { records, chains, checkpoints, faults } = report;
  const verdict = faults.length === 0 ? 'intact' : `${faults.length} faults`;
  return {
    json: report,
    text: `${faults.map(describe).join('')}${verdict}: ${records} records in ${chains} chains, ${checkpoints} checkpoints\n`,
    exitCode: faults.length === 0 ? EXIT.ok : EXIT.failed,
  };
}
