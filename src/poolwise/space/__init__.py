"""What can be chosen: strategy families, their typed parameters, and the concrete arms they span."""

from poolwise.space.arm_space import ArmSpace
from poolwise.space.family import Arm, Family, arm_id

__all__ = ["Arm", "ArmSpace", "Family", "arm_id"]
