// Grants as clients give, take and list them: by the kind of object as Milvus 2.4 has it, or by privilege, database and collection.
import { ElanusError } from '#base/errors.js';
import { ANY, objectTypeOf } from '#model/rights/privileges.js';
import { ROOT, roleOf } from '#model/rights/users-record.js';
import type { CallContext } from '#platform/transport.js';
import type { GrantRecord } from '#proto/elanus/data.js';
import { type GrantEntity, OperatePrivilegeType } from '#proto/milvus/milvus.js';
import { databaseOf } from '#roles/proxy/collection-access.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';

type GrantParts = Pick<ProxyParts, 'users' | 'logins' | 'definitions'>;

export class GrantMethods {
  readonly #parts: GrantParts;

  constructor(parts: GrantParts) {
    this.#parts = parts;
  }

  readonly operatePrivilege: PublicHandler<'operatePrivilege'> = ({ entity, type }, context) => {
    const named = checkedEntity(entity);
    const database = databaseOf({ dbName: named.dbName }, context);
    const grant = { ...grantOf(named, context), database };
    return this.#change(named.role?.name ?? '', grant, type, context);
  };

  readonly operatePrivilegeV2: PublicHandler<'operatePrivilegeV2'> = (request, context) => {
    const privilege = named('the privilege entity', request.grantor?.privilege?.name);
    const objectName = named('the collection name', request.collectionName);
    const grant = {
      objectType: objectTypeOf(privilege),
      objectName,
      database: databaseOf(request, context),
      privilege,
      grantor: context.user ?? ROOT,
    };
    return this.#change(named('the role entity', request.role?.name), grant, request.type, context);
  };

  async #change(
    role: string,
    grant: GrantRecord,
    type: OperatePrivilegeType,
    context: CallContext,
  ): Promise<object> {
    const objectName = await this.#collectionOf(grant, context);
    const value = { role, grant: { ...grant, objectName }, revoke: type === OperatePrivilegeType.Revoke };
    await this.#parts.users.changeUsers({ change: { $case: 'changeGrant', value } }, context);
    return {};
  }

  /** Calls are checked by the collection that an alias means then, so a grant names the one that it means now. */
  async #collectionOf(
    { objectType, objectName, database }: GrantRecord,
    context: CallContext,
  ): Promise<string> {
    if (objectType === 'User' || objectName === ANY || database === ANY || objectName === '')
      return objectName;
    try {
      const ref = { database, name: objectName };
      const { collection } = await this.#parts.definitions.describeCollection(ref, context);
      return collection?.schema?.name ?? objectName;
    } catch (error) {
      const isAbsent =
        error instanceof ElanusError &&
        (error.key === 'collection_not_found' || error.key === 'database_not_found');
      if (isAbsent) return objectName; // It is for who makes it.
      throw error;
    }
  }

  readonly selectGrant: PublicHandler<'selectGrant'> = async ({ entity }, context) => {
    const role = roleOf(
      await this.#parts.logins.directory.record(context),
      named('the role entity', entity?.role?.name),
    );
    const database = databaseOf({ dbName: entity?.dbName ?? '' }, context);
    const [object, objectName] = [entity?.object?.name ?? '', entity?.objectName ?? ''];
    const entities = role.grants
      .filter((grant) => database === ANY || grant.database === ANY || grant.database === database)
      .filter((grant) => object === '' || grant.objectType === object)
      .filter((grant) => objectName === '' || grant.objectName === objectName)
      .map((grant) => grantEntity(role.name, grant));
    return { entities };
  };
}

export const grantEntity = (role: string, grant: GrantRecord) => ({
  role: { name: role, description: '' },
  object: { name: grant.objectType },
  objectName: grant.objectName,
  grantor: {
    user: { name: grant.grantor },
    privilege: { name: grant.privilege },
  },
  dbName: grant.database,
});

function named(what: string, name: string | undefined): string {
  if (name === undefined || name === '')
    throw new ElanusError('invalid_parameter', `${what} in the request is empty: invalid parameter`);
  return name;
}

function checkedEntity(entity: GrantEntity | undefined): GrantEntity {
  if (entity === undefined)
    throw new ElanusError('invalid_parameter', 'the entity in the request is nil: invalid parameter');
  named('the role entity', entity.role?.name);
  named('the object entity', entity.object?.name);
  named('the object name', entity.objectName);
  named('the privilege entity', entity.grantor?.privilege?.name);
  return entity;
}

/** As it is kept; the database is the caller's to fill in. */
export function grantOf(entity: GrantEntity, context: CallContext): GrantRecord {
  return {
    objectType: entity.object?.name ?? '',
    objectName: entity.objectName,
    database: entity.dbName,
    privilege: entity.grantor?.privilege?.name ?? '',
    grantor: context.user ?? ROOT,
  };
}
