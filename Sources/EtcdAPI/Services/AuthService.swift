/// `etcdserverpb.Auth`: there are no users, and nothing is guarded.
enum AuthService {
    static let methods: [Method] = [
        .unary("etcdserverpb.Auth/AuthEnable", "/auth/enable") {
            (_: Etcdserverpb_AuthEnableRequest, _) throws(RPCStatus) in throw .rootUserMissing
        },
        .unary("etcdserverpb.Auth/AuthDisable", "/auth/disable") { (_: Etcdserverpb_AuthDisableRequest, rpc) in
            rpc.status { status in
                rpc.answer(Etcdserverpb_AuthDisableResponse.with { $0.header = rpc.header(status.position) }.reply)
            }
        },
        .unary("etcdserverpb.Auth/AuthStatus", "/auth/status") { (_: Etcdserverpb_AuthStatusRequest, rpc) in
            rpc.status { status in
                var response = Etcdserverpb_AuthStatusResponse()
                response.header = rpc.header(status.position)
                // etcd's first, which stands for users that nobody ever changed.
                response.authRevision = 1
                rpc.answer(response.reply)
            }
        },
        .unary("etcdserverpb.Auth/Authenticate", "/auth/authenticate") {
            (_: Etcdserverpb_AuthenticateRequest, _) throws(RPCStatus) in throw .authNotEnabled
        },
        .unary("etcdserverpb.Auth/UserList", "/auth/user/list") { (_: Etcdserverpb_AuthUserListRequest, rpc) in
            rpc.status { status in
                rpc.answer(Etcdserverpb_AuthUserListResponse.with { $0.header = rpc.header(status.position) }.reply)
            }
        },
        .unary("etcdserverpb.Auth/RoleList", "/auth/role/list") { (_: Etcdserverpb_AuthRoleListRequest, rpc) in
            rpc.status { status in
                rpc.answer(Etcdserverpb_AuthRoleListResponse.with { $0.header = rpc.header(status.position) }.reply)
            }
        },
        .unary("etcdserverpb.Auth/UserAdd", "/auth/user/add") {
            (_: Etcdserverpb_AuthUserAddRequest, _) throws(RPCStatus) in throw noUsers
        },
        .unary("etcdserverpb.Auth/UserGet", "/auth/user/get") {
            (_: Etcdserverpb_AuthUserGetRequest, _) throws(RPCStatus) in throw .userNotFound
        },
        .unary("etcdserverpb.Auth/UserDelete", "/auth/user/delete") {
            (_: Etcdserverpb_AuthUserDeleteRequest, _) throws(RPCStatus) in throw .userNotFound
        },
        .unary("etcdserverpb.Auth/UserChangePassword", "/auth/user/changepw") {
            (_: Etcdserverpb_AuthUserChangePasswordRequest, _) throws(RPCStatus) in throw .userNotFound
        },
        .unary("etcdserverpb.Auth/UserGrantRole", "/auth/user/grant") {
            (_: Etcdserverpb_AuthUserGrantRoleRequest, _) throws(RPCStatus) in throw .userNotFound
        },
        .unary("etcdserverpb.Auth/UserRevokeRole", "/auth/user/revoke") {
            (_: Etcdserverpb_AuthUserRevokeRoleRequest, _) throws(RPCStatus) in throw .userNotFound
        },
        .unary("etcdserverpb.Auth/RoleAdd", "/auth/role/add") {
            (_: Etcdserverpb_AuthRoleAddRequest, _) throws(RPCStatus) in throw noUsers
        },
        .unary("etcdserverpb.Auth/RoleGet", "/auth/role/get") {
            (_: Etcdserverpb_AuthRoleGetRequest, _) throws(RPCStatus) in throw .roleNotFound
        },
        .unary("etcdserverpb.Auth/RoleDelete", "/auth/role/delete") {
            (_: Etcdserverpb_AuthRoleDeleteRequest, _) throws(RPCStatus) in throw .roleNotFound
        },
        .unary("etcdserverpb.Auth/RoleGrantPermission", "/auth/role/grant") {
            (_: Etcdserverpb_AuthRoleGrantPermissionRequest, _) throws(RPCStatus) in throw .roleNotFound
        },
        .unary("etcdserverpb.Auth/RoleRevokePermission", "/auth/role/revoke") {
            (_: Etcdserverpb_AuthRoleRevokePermissionRequest, _) throws(RPCStatus) in throw .roleNotFound
        },
    ]

    private static let noUsers = RPCStatus.unsupported("users and roles are not available on this build")
}
