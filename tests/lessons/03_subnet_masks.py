"""The notes' address and mask cut apart, masks that are none, and the smallest network for a number of computers."""
from play import Lesson


def cut(lesson, address, mask):
    program = lesson.start("subnet")
    program.expect("请输入IP地址 (IP address, such as 192.168.1.1): ")
    program.type(address)
    program.expect("请输入子网掩码 (netmask, such as 255.255.255.0 or 24): ")
    program.type(mask)
    return program


with Lesson(__file__) as lesson:
    # The notes' own example.
    program = cut(lesson, "192.168.1.1", "255.255.255.0")
    program.expect("子网掩码 (netmask)    255.255.255.0    11111111 11111111 11111111 00000000\n")
    program.expect("网络号   (network)    192.168.1.0      11000000 10101000 00000001 00000000\n")
    program.expect("第一台   (first host) 192.168.1.1 ")
    program.expect("最后一台 (last host)  192.168.1.254 ")
    program.expect("网络广播 (broadcast)  192.168.1.255    11000000 10101000 00000001 11111111\n")
    program.expect("192.168.1.0/24: 256 addresses, 254 for hosts\n")
    program.ends(0)

    # A link of two hosts has no broadcast address; and the largest network there is.
    program = cut(lesson, "10.5.0.1", "31")
    program.expect("10.5.0.0/31: 2 addresses, 2 for hosts\n")
    assert "broadcast" not in program.ends(0)
    cut(lesson, "1.2.3.4", "0.0.0.0").expect("0.0.0.0/0: 4294967296 addresses, 4294967294 for hosts\n")

    for address, mask, why in [("192.168.1.1", "255.0.255.0", "the mask is not a run of ones and then zeros"),
                               ("192.168.1.1", "33", "the number is above 32"), ("192.168.1", "24", "only 3 of 4 octets"),
                               ("::1", "24", "is no IPv4 address"), ("192.168.1.1", "", "subnet: ")]:
        told = cut(lesson, address, mask).ends(1)
        assert why in told and told.count("\n") == 1, told
    for lines in 0, 1:
        early = lesson.start("subnet")
        early.expect("192.168.1.1): ")
        if lines:
            early.type("192.168.1.1")
            early.expect("or 24): ")
        early.end_of_input()
        early.ends(0)

    program = lesson.start("mask_for")
    for hosts, answer in [("1500", "255.255.248.0 = /21: room for 2046 hosts"), ("254", "255.255.255.0 = /24: room for 254 hosts"),
                          ("255", "255.255.254.0 = /23: room for 510 hosts"), ("2", "255.255.255.254 = /31: room for 2 hosts"),
                          ("4294967294", "0.0.0.0 = /0: room for 4294967294 hosts")]:
        program.expect("请输入电脑台数 (number of computers, Ctrl-D ends): ")
        program.type(hosts)
        program.expect(f"子网掩码 (netmask) {answer}\n")
    for wrong in "0", "-1", "4294967295", "99999999999999999999", "many", "", "12 13":
        program.expect("Ctrl-D ends): ")
        program.type(wrong)
        program.expect("a number from 1 to 4294967294, please\n")
    program.end_of_input()
    program.ends(0)
