import { AuditEventDto } from './audit-event.dto.js';

/** A page of the audit log. */
export class AuditPageDto {
  /** Pass it as `bookmark` for the next page; empty on the last one. */
  next_bookmark: string;
  list: AuditEventDto[];
}
