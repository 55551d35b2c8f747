"""What a page says after a change was made; the address holds its name alone, never a text."""

from collections.abc import Mapping
from typing import Final

NOTICES: Final[Mapping[str, str]] = {
    "rollout-made": "The rollout was made.",
    "rollout-proposed": "The rollout was proposed. Somebody else with the role approver decides.",
    "rollout-pause": "Paused: nothing new is offered; devices that are updating finish.",
    "rollout-resume": "Resumed: devices are offered the release again.",
    "rollout-abort": "Aborted: who waits gets nothing.",
    "rollout-retry": "They are offered the release once more.",
    "rollout-approve": "Approved.",
    "rollout-reject": "Rejected.",
    "tags-set": "The tags are set.",
    "consented": "The owner's consent is noted: the device is not asked.",
    "device-revoked": "Revoked: the device is turned away from now on.",
    "device-gone": "Decommissioned: nothing is left of the device but its denied key.",
    "group-made": "The group was made. Devices come in and fall out by themselves.",
    "group-edited": "The group has its new query; its open rollouts follow.",
    "group-gone": "The group was deleted; its devices stay.",
    "enrolment-token-withdrawn": "The token is void; devices that it enrolled stay.",
    "rules-set": "The rule is set, for rollouts that are made from now on.",
    "subscription-made": "Subscribed.",
    "subscription-paused": "Paused: events wait.",
    "subscription-resumed": "Resumed: what waited is sent.",
    "subscription-removed": "Removed.",
    "sent": "A test was sent; the page shows how it went.",
    "resend": "It is sent again.",
    "operator-changed": "The operator's roles were changed.",
    "operator-disabled": "Disabled: sessions and tokens ended.",
    "operator-enabled": "Enabled again.",
    "password-set": "The password is set.",
    "sessions-ended": "Signed out everywhere else.",
    "token-withdrawn": "The token ended.",
    "signed-out": "You are signed out.",
}
