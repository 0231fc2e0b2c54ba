import { ApiProperty } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray } from 'class-validator';

/** A JSON Patch (RFC 6902). Members that an operation does not know are passed over, as the RFC says. */
export class PatchesDto {
  /**
   * At most 100 operations, applied all or none.
   * @example [{ "op": "add", "path": "/-", "value": "new-alias" }]
   */
  @ApiProperty({
    type: 'array',
    maxItems: 100,
    items: {
      type: 'object',
      required: ['op', 'path'],
      properties: {
        op: { type: 'string', enum: ['add', 'remove', 'replace', 'move', 'copy', 'test'] },
        path: { type: 'string', description: 'JSON Pointer (RFC 6901)' },
        from: { type: 'string', description: 'JSON Pointer, for move and copy' },
        value: { description: 'Any JSON value, for add, replace and test' },
      },
    },
  })
  @IsArray()
  @ArrayMaxSize(100)
  patches: unknown[];
}
