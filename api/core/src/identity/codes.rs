//! The codes of accounts and sessions.

use daybook_domain::codes;

codes! {
    "codes",
    pub enum IdentityCode {
        InvalidCredentials = Unauthenticated, "invalid_credentials", "Invalid credentials";
        SecondFactorRequired = Unauthenticated, "second_factor_required", "Second factor required";
        ConfirmationRequired = Unauthenticated, "confirmation_required", "Confirmation required";
        InvalidLink = Invalid, "invalid_link", "Invalid link";
        InvalidCode = Invalid, "invalid_code", "Invalid code";
        WeakPassword = Invalid, "weak_password", "Weak password";
        AddressTaken = Conflict, "address_taken", "Address taken";
        InvalidAttempt = Invalid, "invalid_attempt", "Invalid attempt";
        RefusedElsewhere = Invalid, "refused_elsewhere", "Refused elsewhere";
        AddressUnverified = Invalid, "address_unverified", "Address not verified elsewhere";
        IdentityTaken = Conflict, "identity_taken", "Log-in elsewhere taken";
        OrdersOpen = Invalid, "orders_open", "Orders open";
        RoleBuiltIn = Conflict, "role_built_in", "Role built in";
        UnknownRule = Invalid, "unknown_rule", "Unknown rule";
        RuleForAdmins = Invalid, "rule_for_admins", "Rule for administrators";
        RuleNotHeld = Forbidden, "rule_not_held", "Rule not held";
        TooManyRoles = Invalid, "too_many_roles", "Too many roles";
        AccountsElsewhere = NotFound, "accounts_elsewhere", "Accounts elsewhere";
    }
}
