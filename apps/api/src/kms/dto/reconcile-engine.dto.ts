import { IsBoolean, IsOptional } from 'class-validator';

/** How an engine is compared with the keys that should be in it. */
export class ReconcileEngineDto {
  /** Destroys what Claviger made and no key speaks of. False where absent: then nothing is changed. */
  @IsOptional()
  @IsBoolean()
  destroy_orphans?: boolean;
}
