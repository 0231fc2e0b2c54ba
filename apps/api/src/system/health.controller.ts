import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Database } from '#database';
import { Public } from '../edge/permission.decorator.js';
import { ApiProblem } from '../edge/problems.decorator.js';
import { HealthDto } from './health.dto.js';

@ApiTags('system')
@Controller('health')
export class HealthController {
  constructor(private readonly database: Database) {}

  @Get('live')
  @Public()
  @ApiOperation({ operationId: 'getLiveness', summary: 'Whether the process runs' })
  @ApiOkResponse({ type: HealthDto })
  live(): HealthDto {
    return { status: 'ok' };
  }

  @Get('ready')
  @Public()
  @ApiOperation({
    operationId: 'getReadiness',
    summary: 'Whether requests can be served: the database answers',
  })
  @ApiOkResponse({ type: HealthDto })
  @ApiProblem(503)
  async ready(): Promise<HealthDto> {
    await this.database.ping();
    return { status: 'ok' };
  }
}
