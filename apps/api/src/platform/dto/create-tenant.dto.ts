import { IsString, Matches } from 'class-validator';

export class CreateTenantDto {
  /**
   * A DNS label: 1 to 63 of a-z, 0-9 and -, no hyphen at either end.
   * @example acme
   */
  @IsString()
  @Matches(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, {
    message: 'tenant_id must be 1 to 63 of a-z 0-9 -, no - at either end',
  })
  tenant_id: string;
}
